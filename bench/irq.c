// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: injected by user space, sent by messages, by the guest's own
 * timer, by another vCPU; their end; the task priority. The local APIC is the
 * kernel's, but for KVM_INTERRUPT.
 *
 * In a boot with one CPU all that one vCPU does to itself; with two, what
 * another CPU does to a vCPU that runs or halts.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "irq.h"

#define GPA_IDT		(9 * PAGE)
#define GPA_GDT		(10 * PAGE)
#define GPA_COUNTS	(11 * PAGE)
#define GPA_STACK(id)	((13 + (id)) * PAGE)

#define APIC_PAGE	0xfee00000ul
#define APIC_X2		(APIC_PAGE | 0xc00)
#define APIC_LVTT	0x320
#define APIC_LVTT_DEADLINE 0x40000u
#define APIC_SPIV	0xf0
#define APIC_TDCR	0x3e0
#define APIC_TDCR_1	0xb
#define ICR_SELF	(1u << 18)
#define ICR_OTHERS	(3u << 18)

/* Vectors, by how their handlers end them */
#define V_NOT_ENDED	0x40u
#define V_XAPIC		0x41u
#define V_X2APIC	0x42u
#define V_LATE		0x43u
#define GSI		24u

#define FAR		(1ul << 30)	/* ticks or ns: no window is as long */
#define NEAR		20000ul

enum mode { NO_APIC, XAPIC, X2APIC };

struct guest {
	struct vm *vm;
	enum mode mode;
	unsigned int vector;		/* that fits the mode */
	struct cpu other;		/* fd 0: there is none */
	int event;			/* of an irqfd, or -1 */
	void (*ask)(struct guest *g);	/* at each IRQ_PORT_ASK */
	uint64_t late;			/* r13 of the last call */
};

static void set_gate(struct vm *vm, unsigned int vector, const char *handler)
{
	uint64_t *gate = vm->low + GPA_IDT + vector * 16;
	uint64_t at = GPA_CODE + (handler - irq_image);

	gate[0] = (at & 0xffff) | 8 << 16 | 0x8eull << 40 | at >> 16 << 48;
	gate[1] = 0;
}

static void set_tables(struct vm *vm)
{
	uint64_t *gdt = vm->low + GPA_GDT;

	memcpy(vm->low + GPA_CODE, irq_image, irq_image_end - irq_image);
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	set_gate(vm, V_NOT_ENDED, irq_not_ended);
	set_gate(vm, V_XAPIC, irq_xapic);
	set_gate(vm, V_X2APIC, irq_x2apic);
	set_gate(vm, V_LATE, irq_late);
}

static void set_lapic(struct cpu *cpu, uint32_t lvtt)
{
	struct kvm_lapic_state lapic;

	if (ioctl(cpu->fd, KVM_GET_LAPIC, &lapic))
		err(1, "KVM_GET_LAPIC");
	memcpy(lapic.regs + APIC_LVTT, &lvtt, sizeof(lvtt));
	memcpy(lapic.regs + APIC_SPIV, &(uint32_t){ 0x1ff }, 4);
	memcpy(lapic.regs + APIC_TDCR, &(uint32_t){ APIC_TDCR_1 }, 4);
	if (ioctl(cpu->fd, KVM_SET_LAPIC, &lapic))
		err(1, "KVM_SET_LAPIC");
}

static void cpu_setup(struct cpu *cpu, enum mode mode)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	if (ioctl(cpu->fd, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	sregs.idt.base = GPA_IDT;
	sregs.idt.limit = PAGE - 1;
	sregs.gdt.base = GPA_GDT;
	sregs.gdt.limit = 3 * 8 - 1;
	if (mode == X2APIC)
		sregs.apic_base |= APIC_X2;
	if (ioctl(cpu->fd, KVM_SET_SREGS, &sregs))
		err(1, "KVM_SET_SREGS");
	if (mode == NO_APIC)
		return;
	set_lapic(cpu, 1 << 16);
	if (ioctl(cpu->fd, KVM_SET_MP_STATE, &runnable))
		err(1, "KVM_SET_MP_STATE");
}

/* A message to vCPU 0 whenever somebody writes to the eventfd. */
static int message_event(struct guest *g)
{
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry;
	} r = {
		.table.nr = 1,
		.entry = {
			.gsi = GSI, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi.address_lo = APIC_PAGE,
			.u.msi.data = g->vector,
		},
	};
	struct kvm_irqfd irqfd = { .gsi = GSI };

	irqfd.fd = eventfd(0, EFD_CLOEXEC);
	if (ioctl(g->vm->fd, KVM_SET_GSI_ROUTING, &r) ||
	    ioctl(g->vm->fd, KVM_IRQFD, &irqfd))
		err(1, "KVM_IRQFD");
	return irqfd.fd;
}

static void guest_init(struct guest *g, struct bench *b, enum mode mode)
{
	memset(g, 0, sizeof(*g));
	g->mode = mode;
	g->vector = mode == X2APIC ? V_X2APIC : V_XAPIC;
	g->event = -1;
	g->vm = mode == NO_APIC ? vm_new(b) :
				  vm_new_cap(b, KVM_CAP_SPLIT_IRQCHIP, 24);
	set_tables(g->vm);
	cpu_setup(&g->vm->cpu, mode);
	if (mode != NO_APIC)
		g->event = message_event(g);
}

static void guest_fini(struct guest *g)
{
	if (g->other.fd)
		cpu_free(&g->other);
	if (g->event >= 0)
		close(g->event);
	vm_free(g->vm);
}

static volatile uint64_t *counts(struct guest *g)
{
	return g->vm->low + GPA_COUNTS;
}

/* Returns at IRQ_PORT_END. */
static void run(struct guest *g, struct cpu *cpu)
{
	for (;;) {
		if (ioctl(cpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			err(1, "KVM_RUN");
		}
		if (cpu->run->exit_reason == KVM_EXIT_IO &&
		    cpu->run->io.port == IRQ_PORT_END)
			return;
		if (cpu->run->exit_reason != KVM_EXIT_IO &&
		    cpu->run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN)
			errx(1, "KVM_RUN ends with exit reason %u",
			     cpu->run->exit_reason);
		if (g->ask)
			g->ask(g);
	}
}

static void set_regs(struct guest *g, struct cpu *cpu, unsigned int id,
		     const char *routine, uint64_t rbx, unsigned long count)
{
	struct kvm_regs regs = {
		.rip = GPA_CODE + (routine - irq_image), .rflags = 0x202,
		.rsp = GPA_STACK(id), .rsi = APIC_PAGE, .rbx = rbx,
		.rdi = GPA_COUNTS + 8 * id, .rbp = GPA_COUNTS + 8 * !id,
		.r10 = count, .r11 = !id && g->vm->bench->mark,
	};

	if (ioctl(cpu->fd, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
}

/* Runs vCPU 0; the guest's own ticks. */
static uint64_t call(struct guest *g, const char *routine, uint64_t rbx,
		     unsigned long count)
{
	struct cpu *cpu = &g->vm->cpu;
	struct kvm_regs regs;

	set_regs(g, cpu, 0, routine, rbx, count);
	run(g, cpu);
	if (ioctl(cpu->fd, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	g->late = regs.r13;
	return regs.r9 - regs.r8;
}

/* @irqs interrupts for each operation, or nothing was measured. */
static void window(struct series *s, struct guest *g, const char *routine,
		   uint64_t rbx, unsigned int irqs)
{
	unsigned int count = g->vm->bench->pages;
	uint64_t ticks;

	counts(g)[0] = 0;
	series_open(s);
	ticks = call(g, routine, rbx, count);
	series_close(s, routine == irq_timer_spin || routine == irq_timer_halt ?
			g->late : ticks, count);
	if (counts(g)[0] != irqs * count)
		errx(1, "%s: %lu interrupts, and not %u", s->name,
		     counts(g)[0], irqs * count);
}

static void measure(struct guest *g, const char *name, const char *routine,
		    uint64_t rbx, unsigned int irqs)
{
	static struct series s;

	series_init(&s, g->vm, name);
	for (unsigned int i = 0; i < g->vm->bench->rounds; i++)
		window(&s, g, routine, rbx, irqs);
	series_report(&s);
}

static void queue(struct guest *g)
{
	struct kvm_interrupt irq = { V_NOT_ENDED };

	if (ioctl(g->vm->cpu.fd, KVM_INTERRUPT, &irq))
		err(1, "KVM_INTERRUPT");
}

/* The guest has interrupts off when it asks. */
static void queue_when_open(struct guest *g)
{
	struct kvm_run *kvm = g->vm->cpu.run;

	kvm->request_interrupt_window = kvm->exit_reason == KVM_EXIT_IO;
	if (!kvm->request_interrupt_window)
		queue(g);
}

static void send_message(struct guest *g)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = g->vector };

	if (ioctl(g->vm->fd, KVM_SIGNAL_MSI, &msi) != 1)
		err(1, "KVM_SIGNAL_MSI");
}

static void signal_event(struct guest *g)
{
	if (write(g->event, &(uint64_t){ 1 }, 8) != 8)
		err(1, "write of an eventfd");
}

static void by_user(struct bench *b)
{
	struct guest g;

	guest_init(&g, b, NO_APIC);
	g.ask = queue;
	measure(&g, "irq-queued", irq_ask, 0, 1);
	g.ask = queue_when_open;
	measure(&g, "irq-window", irq_window, 0, 1);
	guest_fini(&g);
}

static void by_page(struct bench *b)
{
	struct guest g;

	guest_init(&g, b, XAPIC);
	measure(&g, "eoi-page", irq_end_page, 0, 0);
	measure(&g, "self-page", irq_self_page, ICR_SELF | V_XAPIC, 1);
	measure(&g, "cr8", irq_cr8, 5, 0);
	g.ask = send_message;
	measure(&g, "msi", irq_ask, 0, 1);
	g.ask = signal_event;
	measure(&g, "irqfd", irq_ask, 0, 1);
	set_lapic(&g.vm->cpu, V_XAPIC);
	measure(&g, "timer-arm-page", irq_arm_page, FAR, 0);
	measure(&g, "timer-page", irq_timer_page, 1, 1);
	guest_fini(&g);
}

static void by_msr(struct bench *b)
{
	struct guest g;

	guest_init(&g, b, X2APIC);
	measure(&g, "eoi-msr", irq_end_msr, 0, 0);
	measure(&g, "self-msr", irq_self_msr, V_X2APIC, 1);
	set_lapic(&g.vm->cpu, APIC_LVTT_DEADLINE | V_LATE);
	measure(&g, "timer-arm-msr", irq_arm_msr, FAR, 0);
	measure(&g, "timer-now", irq_timer_spin, 0, 1);
	measure(&g, "timer-spin", irq_timer_spin, NEAR, 1);
	measure(&g, "timer-halt", irq_timer_halt, NEAR, 1);
	guest_fini(&g);
}

void irq_run(struct bench *b)
{
	by_user(b);
	by_page(b);
	by_msr(b);
}

struct target {
	struct guest *g;
	struct cpu *cpu;
	pthread_t thread;
};

static void *run_target(void *arg)
{
	struct target *t = arg;

	thread_pin(1);
	run(t->g, t->cpu);
	return NULL;
}

/* A vCPU on CPU 1 that takes @count interrupts by @routine. */
static void target_start(struct target *t, unsigned int id,
			 const char *routine, unsigned long count)
{
	set_regs(t->g, t->cpu, id, routine, 0, count);
	counts(t->g)[id] = 0;
	if (pthread_create(&t->thread, NULL, run_target, t))
		errx(1, "pthread_create");
	usleep(2000);	/* it runs, or halts */
}

static void ipis(struct guest *g, const char *name, const char *routine)
{
	const char *sender = g->mode == X2APIC ? irq_ipi_msr : irq_ipi_page;
	uint64_t icr = g->mode == X2APIC ? 1ull << 32 | V_X2APIC :
					   ICR_OTHERS | V_XAPIC;
	struct target t = { .g = g, .cpu = &g->other };
	unsigned int count = g->vm->bench->pages;
	static struct series s;

	series_init(&s, g->vm, name);
	for (unsigned int i = 0; i < g->vm->bench->rounds; i++) {
		target_start(&t, 1, routine, count);
		window(&s, g, sender, icr, 0);
		pthread_join(t.thread, NULL);
	}
	series_report(&s);
}

static uint64_t signal_each(struct guest *g, unsigned int count)
{
	uint64_t start = __rdtsc();

	for (unsigned int i = 0; i < count; i++) {
		signal_event(g);
		while (counts(g)[0] == i)
			;
	}
	return __rdtsc() - start;
}

/* From the write of the eventfd until the guest has counted it. */
static void events(struct guest *g, const char *name, const char *routine)
{
	struct target t = { .g = g, .cpu = &g->vm->cpu };
	unsigned int count = g->vm->bench->pages;
	static struct series s;

	series_init(&s, g->vm, name);
	for (unsigned int i = 0; i < g->vm->bench->rounds; i++) {
		target_start(&t, 0, routine, count);
		series_open(&s);
		series_close(&s, signal_each(g, count), count);
		pthread_join(t.thread, NULL);
	}
	series_report(&s);
}

static void between(struct bench *b, enum mode mode, const char *spin,
		    const char *halt)
{
	struct guest g;

	guest_init(&g, b, mode);
	cpu_new(g.vm, 1, &g.other);
	cpu_setup(&g.other, mode);
	ipis(&g, spin, irq_spin);
	ipis(&g, halt, irq_halt);
	if (mode == X2APIC) {
		events(&g, "irqfd-spin", irq_spin);
		events(&g, "irqfd-halt", irq_halt);
	}
	guest_fini(&g);
}

void ipi_run(struct bench *b)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		report_skip(b, "ipi-spin-page", "one CPU only");
		return;
	}
	thread_pin(0);
	between(b, XAPIC, "ipi-spin-page", "ipi-halt-page");
	between(b, X2APIC, "ipi-spin-msr", "ipi-halt-msr");
}
