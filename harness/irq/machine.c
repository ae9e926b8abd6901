// SPDX-License-Identifier: GPL-2.0
/*
 * See machine.h.
 */
#include "machine.h"

#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <umbra/event.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* core/internal.h */
void um_vcpu_kick(struct um_vcpu *vcpu);

struct machine machine;
unsigned int tsc_khz = 1000000;
__thread struct um_vcpu *um_running;

static struct cpu *cpu_of(const struct um_vcpu *vcpu)
{
	return container_of(vcpu, struct cpu, vmx.vcpu);
}

/* As core/host.c: an IPI, which ends the guest, or a wake-up. */
void um_vcpu_kick(struct um_vcpu *vcpu)
{
	/* C3 */
	if (smp_load_acquire(&vcpu->in_guest))
		WRITE_ONCE(cpu_of(vcpu)->kicked, true);
	else
		rcuwait_wake_up(&vcpu->wait);
}

void um_vmx_reset(struct um_vcpu *vcpu)
{
	struct cpu *cpu = cpu_of(vcpu);

	cpu->resets++;
	cpu->serving = 0;
	cpu->vmx.event.pending = false;
}

void um_vmx_start(struct um_vcpu *vcpu, u8 vector)
{
	struct cpu *cpu = cpu_of(vcpu);

	cpu->start = vector;
	__atomic_store_n(&cpu->starts, cpu->starts + 1, __ATOMIC_RELEASE);
}

void um_vmx_vcpu_load(struct um_vcpu *vcpu)
{
}

void um_vmx_vcpu_put(struct um_vcpu *vcpu)
{
}

u64 um_vmx_get_tsc_offset(const struct um_vcpu *vcpu)
{
	return 0;
}

bool um_vmx_has_timer(void)
{
	return false;
}

void um_vmx_shadow_tpr(struct um_vcpu *vcpu, void *page)
{
}

u64 um_vmx_mmio_rip(const struct um_vcpu *vcpu)
{
	return 0;
}

const struct kvm_cpuid_entry2 *um_cpuid_find(const struct um_vcpu *vcpu,
					     u32 function, u32 index)
{
	return NULL;
}

/* The word of tpr.c is not used here. */
int um_guest_read(struct um_vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	return -EFAULT;
}

int um_guest_write(struct um_vm *vm, gpa_t gpa, const void *data,
		   unsigned int len)
{
	return -EFAULT;
}

bool um_guest_is_mmio(struct um_vm *vm, gpa_t gpa, bool write)
{
	return true;
}

void machine_begin(void)
{
	__atomic_fetch_add(&machine.begun, 1, __ATOMIC_SEQ_CST);
}

void machine_end(void)
{
	__atomic_fetch_add(&machine.told, 1, __ATOMIC_SEQ_CST);
}

static bool is_over(void)
{
	return __atomic_load_n(&machine.over, __ATOMIC_ACQUIRE);
}

/* Is nobody under way who will tell more? @told: what was told by then. */
static bool is_told(unsigned int *told)
{
	*told = __atomic_load_n(&machine.told, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&machine.begun, __ATOMIC_ACQUIRE) == *told;
}

/* What must end the guest, or the sleep, now that nobody will tell of it. */
static const char *unheard(struct cpu *cpu)
{
	struct um_vcpu *vcpu = &cpu->vmx.vcpu;

	if (READ_ONCE(vcpu->apic->events) &
	    (BIT(UM_EVENT_INIT) | BIT(UM_EVENT_SIPI)))
		return "INIT or a SIPI";
	if (cpu->starts_always &&
	    vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return "a SIPI that it dropped";
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE &&
	    vcpu->mp_state != KVM_MP_STATE_HALTED)
		return NULL;
	if (atomic_read(&cpu->vmx.nmis))
		return "an NMI";
	if (um_lapic_next(vcpu->apic) >= 0)
		return "an interrupt";
	return NULL;
}

/* All that was told is @told. Is something there all the same? */
static void check_heard(struct cpu *cpu, unsigned int told, const char *does)
{
	const char *what = unheard(cpu);

	if (what && __atomic_load_n(&machine.begun, __ATOMIC_ACQUIRE) == told)
		shim_warn("vCPU %d %s beside %s\n", cpu->vmx.vcpu.id, does,
			  what);
}

static __thread struct cpu *this_cpu;

/* It sleeps in schedule(). */
static void on_asleep(void)
{
	unsigned int told;
	bool over = is_over();

	if (!is_told(&told) || READ_ONCE(current->state) == TASK_RUNNING)
		return;
	check_heard(this_cpu, told, "sleeps");
	if (!over && !shim_warnings())
		return;
	current->signal = true;
	__set_current_state(TASK_RUNNING);
}

/* As enter() in vmx/run.c, up to the guest. False: a signal. */
static bool cpu_enter(struct cpu *cpu)
{
	struct um_vcpu *vcpu = &cpu->vmx.vcpu;

	__atomic_store_n(&cpu->entries, cpu->entries + 1, __ATOMIC_RELEASE);
	um_vcpu_begin_entry(vcpu);
	while (READ_ONCE(vcpu->irq_work) || signal_pending(current)) {
		WRITE_ONCE(vcpu->in_guest, UM_OUTSIDE);
		if (signal_pending(current))
			return false;
		if (!um_irq_work(vcpu)) {
			cpu->eoi_vector = cpu->run.eoi.vector;
			__atomic_store_n(&cpu->eois, cpu->eois + 1,
					 __ATOMIC_RELEASE);
		}
		um_vcpu_begin_entry(vcpu);
	}
	if (READ_ONCE(vcpu->attention))
		um_event_look(&cpu->vmx);
	return true;
}

enum cpu_exit { CPU_KICKED, CPU_EOI, CPU_HLT, CPU_OTHER, CPU_WINDOW,
		CPU_NMI_WINDOW, CPU_END };

/* The guest takes what the entry brought. True: a vector, which it will end. */
static bool cpu_deliver(struct cpu *cpu)
{
	u64 info = cpu->vmx.vmcs[VM_ENTRY_INTR_INFO_FIELD];

	cpu->vmx.vmcs[VM_ENTRY_INTR_INFO_FIELD] = 0;
	if (!(info & INTR_INFO_VALID_MASK))
		return false;
	if ((info & VECTORING_INFO_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		cpu->nmis++;
		return false;
	}
	WRITE_ONCE(cpu->got[info & INTR_INFO_VECTOR_MASK],
		   cpu->got[info & INTR_INFO_VECTOR_MASK] + 1);
	cpu->serving++;
	return true;
}

/* Runs until it is kicked, or all is over. */
static enum cpu_exit cpu_stay(struct cpu *cpu)
{
	unsigned int told;
	int spins = 0;
	bool over;

	for (;;) {
		/* In this order: who told, and kicked, did so before. */
		over = is_over();
		if (is_told(&told) && !READ_ONCE(cpu->kicked)) {
			check_heard(cpu, told, "runs on");
			if (over || shim_warnings())
				return CPU_END;
		}
		if (READ_ONCE(cpu->kicked))
			return CPU_KICKED;
		__builtin_ia32_pause();
		if (!(++spins % 4096))
			sched_yield();
	}
}

static enum cpu_exit cpu_guest(struct cpu *cpu)
{
	int plan = shim_random() % 8;

	__atomic_store_n(&cpu->settled, cpu->ended, __ATOMIC_RELEASE);
	cpu_deliver(cpu);
	if (cpu->vmx.cpu & CPU_BASED_INTR_WINDOW_EXITING)
		return CPU_WINDOW;
	if (cpu->vmx.cpu & CPU_BASED_NMI_WINDOW_EXITING)
		return CPU_NMI_WINDOW;
	if (cpu->serving)
		return CPU_EOI;
	if (plan < cpu->halts)
		return CPU_HLT;
	if (plan < cpu->halts + cpu->exits && !is_over())
		return CPU_OTHER;
	return cpu_stay(cpu);
}

/* Interrupts are on again: the IPI, if there was one, is over. */
static void cpu_leave(struct cpu *cpu)
{
	smp_store_mb(cpu->vmx.vcpu.in_guest, UM_OUTSIDE);
	WRITE_ONCE(cpu->kicked, false);
}

static void cpu_handle(struct cpu *cpu, enum cpu_exit exit)
{
	switch (exit) {
	case CPU_EOI:
		cpu->serving--;
		um_lapic_write(cpu->vmx.vcpu.apic, UM_LAPIC_EOI, 0);
		cpu->ended++;
		break;
	case CPU_HLT:
		um_irq_halt(&cpu->vmx.vcpu);
		break;
	case CPU_WINDOW:
		um_exit_irq_window(&cpu->vmx);
		break;
	case CPU_NMI_WINDOW:
		um_exit_nmi_window(&cpu->vmx);
		break;
	case CPU_OTHER:
		/* One that makes it look: the next entry is another. */
		if (shim_random() % 2)
			um_exit_tpr(&cpu->vmx);
		break;
	case CPU_END:
		current->signal = true;
		break;
	default:
		break;
	}
}

void cpu_run(struct cpu *cpu)
{
	enum cpu_exit exit;

	this_cpu = cpu;
	um_running = &cpu->vmx.vcpu;
	current->signal = false;
	while (cpu_enter(cpu)) {
		exit = cpu_guest(cpu);
		cpu_leave(cpu);
		cpu_handle(cpu, exit);
	}
	um_running = NULL;
}

void cpu_reset(struct cpu *cpu)
{
	struct um_vcpu *vcpu = &cpu->vmx.vcpu;

	memset(cpu->got, 0, sizeof(cpu->got));
	cpu->nmis = cpu->resets = cpu->starts = cpu->eois = 0;
	cpu->start = cpu->eoi_vector = 0;
	cpu->serving = 0;
	vcpu->apic->events = 0;
	um_lapic_reset(vcpu->apic);
	um_lapic_write(vcpu->apic, UM_LAPIC_SPIV, 0x1ff);
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

static void cpu_new(int i)
{
	struct cpu *cpu = &machine.cpu[i];
	struct um_vcpu *vcpu = &cpu->vmx.vcpu;

	memset(cpu, 0, sizeof(*cpu));
	vcpu->vm = &machine.vm;
	vcpu->id = vcpu->idx = i;
	vcpu->run = &cpu->run;
	cpu->vmx.cpu = CPU_BASED_HLT_EXITING;
	vcpu->user_irq = UM_NO_IRQ;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	cpu->vmx.vmcs[GUEST_RFLAGS] = X86_EFLAGS_IF;
	if (um_irq_vcpu_create(vcpu))
		abort();
	um_irq_vcpu_publish(vcpu);
	cpu_reset(cpu);
}

long machine_ioctl(unsigned int nr, void *arg)
{
	return um_irq_vm_ioctl(&machine.vm, nr, (unsigned long)arg);
}

void machine_new(int ncpus, bool split)
{
	struct kvm_enable_cap cap = { .args = { UM_IOAPIC_PINS } };
	int i;

	shim_asleep = on_asleep;
	memset(&machine.vm, 0, sizeof(machine.vm));
	mutex_init(&machine.vm.lock);
	if (um_irq_init() || um_io_create(&machine.vm) ||
	    (split ? um_irq_enable_split(&machine.vm, &cap) :
		     machine_ioctl(KVM_CREATE_IRQCHIP, NULL)))
		abort();
	for (i = 0; i < ncpus; i++)
		cpu_new(i);
}

void machine_free(void)
{
	int i, ncpus = machine_chip()->irqs.napics;

	um_irq_vm_release(&machine.vm);
	um_irq_vm_destroy(&machine.vm);
	for (i = 0; i < ncpus; i++)
		um_irq_vcpu_free(&machine.cpu[i].vmx.vcpu);
	um_irq_vm_free(&machine.vm);
	um_io_free(&machine.vm);
	um_irq_exit();
}

struct um_irqchip *machine_chip(void)
{
	return machine.vm.irqchip;
}

struct um_lapic *machine_apic(int i)
{
	return machine.cpu[i].vmx.vcpu.apic;
}

int machine_line(u32 gsi, bool up)
{
	struct kvm_irq_level level = { .irq = gsi, .level = up };

	machine_ioctl(KVM_IRQ_LINE_STATUS, &level);
	return level.status;
}
