// SPDX-License-Identifier: GPL-2.0
/*
 * Events whose delivery an exit cuts short, because the IDT or the stack is not
 * mapped, write-protected, or nowhere: each comes once, as if nothing had been.
 */
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "lib/inject.h"

/* A slot of its own, in a file: what is dropped comes back with its content. */
#define IDT_PAGE 0
#define STACK_PAGE 1
#define PAGES 4
#define IDT_VA MEM_GPA
#define STACK_TOP (MEM_GPA + (STACK_PAGE + 1) * PAGE_SIZE)
#define NOWHERE (3ul << 39)	/* the guest's tables have nothing there */
#define BAD_SELECTOR 0x7f8

enum { K_IRQ, K_NMI, K_INT, K_INT3, K_INT1, K_UD, K_PF, K_GP, KINDS };
#define INT_VECTOR 0x60

static const struct {
	const char *name;
	u64 vector, error;
} kinds[KINDS] = {
	[K_IRQ] = { "interrupt", IRQ },
	[K_NMI] = { "NMI", NMI },
	[K_INT] = { "INT n", INT_VECTOR },
	[K_INT3] = { "INT3", 3 },
	[K_INT1] = { "INT1", 1 },
	[K_UD] = { "#UD", 6 },
	[K_PF] = { "#PF", 14 },
	[K_GP] = { "#GP", 13, BAD_SELECTOR },
};

/* The guest's: what the frame must say, and where it goes on. */
static u64 want_rip;
u64 next_rip;	/* not static: guest_stackless() has it, too */

static void fault_handler(struct trap_frame *frame)
{
	log_event(frame);
	frame->rip = next_rip;
}

FIXTURE(redeliver) {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	u32 flags;
};
ENGINE_VARIANTS(redeliver);

static void set_slot(struct _test_data_redeliver *self, u32 flags, u64 size)
{
	vm_slot(self->vm, MEM_SLOT, flags, MEM_GPA, size, self->mem);
}

static void set_gate(struct _test_data_redeliver *self, int vector, u64 entry,
		     u64 ist)
{
	u64 *gate = (u64 *)self->mem + 2 * vector;

	if (entry) {
		gate[0] = (entry & 0xffff) | 0x8e0000080000 |
			  (entry & 0xffff0000) << 32;
		gate[1] = entry >> 32;
	}
	gate[0] |= ist << 32;
}

FIXTURE_SETUP(redeliver)
{
	int fd, i;

	ENGINE_CHOOSE();
	handlers_setup();
	for (i = 0; i < 32; i++)
		guest_handlers[i] = i == NMI ? log_event : fault_handler;
	fd = memfd_create("slot", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, PAGES * PAGE_SIZE));
	self->mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	close(fd);
}

FIXTURE_TEARDOWN(redeliver)
{
	if (self->vm)
		vm_free(self->vm);
	if (self->mem)
		munmap(self->mem, PAGES * PAGE_SIZE);
}

static void boot(struct _test_data_redeliver *self, void (*guest)(void),
		 u64 rsp)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	self->vm = vm_create_mem();
	memcpy(self->mem, self->vm->ram + IDT_GPA, PAGE_SIZE);
	set_slot(self, 0, PAGES * PAGE_SIZE);
	self->vcpu = vcpu_add(self->vm, 0);
	vcpu_setup(self->vcpu, guest);
	vcpu_sregs(self->vcpu, &sregs);
	sregs.idt.base = IDT_VA;
	REQUIRE(!KERR(self->vcpu->fd, KVM_SET_SREGS, &sregs), "SREGS");
	vcpu_regs(self->vcpu, &regs);
	regs.rsp = rsp;
	vcpu_set_regs(self->vcpu, &regs);
}

/* An exit, and right behind it, with nothing in between, what makes the event. */
#define EVENT(insn, where)						\
	asm volatile("lea " where "(%%rip), %%rcx\n\t"			\
		     "mov %%rcx, %[want]\n\t"				\
		     "lea 3f(%%rip), %%rcx\n\t"				\
		     "mov %%rcx, %[next]\n\t"				\
		     "outl %%eax, %%dx\n"				\
		     "1: " insn "\n"					\
		     "2: nop\n"						\
		     "3: nop"						\
		     : [want] "=m"(want_rip), [next] "=m"(next_rip)	\
		     : "a"(0), "d"(RAW_PORT), "b"(NOWHERE),		\
		       "S"(BAD_SELECTOR)				\
		     : "rcx", "memory")
#define AT "1f"
#define BEHIND "2f"

static void guest_kinds(void)
{
	for (;;) {
		EVENT("nop", AT);
		EVENT("nop", AT);
		EVENT("int $0x60", BEHIND);
		EVENT("int3", BEHIND);
		EVENT(".byte 0xf1", BEHIND);
		EVENT("ud2", AT);
		EVENT("mov (%%rbx), %%ecx", AT);
		EVENT("mov %%esi, %%ds", AT);
	}
}

static void make_event(struct _test_data_redeliver *self, int kind)
{
	GUEST_VAR(self->vm, events) = 0;
	if (kind == K_IRQ)
		REQUIRE(!queue_irq(self->vcpu, IRQ), "KVM_INTERRUPT");
	if (kind == K_NMI)
		REQUIRE(!KERR(self->vcpu->fd, KVM_NMI, 0), "KVM_NMI");
}

/*
 * Bochs 2.7 leaves NMIs blocked at a VM entry where an earlier guest had them so
 * on this CPU, whatever the VMCS says: the first exit tells, and an entry with
 * an NMI does not mind.
 */
static void unblock_nmis(struct _test_data_redeliver *self)
{
	struct kvm_vcpu_events ev;

	get_events(self->vcpu, &ev);
	ev.nmi.masked = 0;
	REQUIRE(!KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev), "events");
}

static void drop(struct _test_data_redeliver *self, int page)
{
	REQUIRE(!madvise(self->mem + page * PAGE_SIZE, PAGE_SIZE,
			 MADV_DONTNEED), "MADV_DONTNEED");
}

static void each_kind(struct _test_data_redeliver *self,
		      struct __test_metadata *_metadata,
		      void (*take)(struct _test_data_redeliver *self))
{
	int round, kind;

	boot(self, guest_kinds, STACK_TOP - 64);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	unblock_nmis(self);
	for (round = 0; round < 3; round++) {
		for (kind = 0; kind < KINDS; kind++) {
			volatile struct event *e =
				&GUEST_VAR(self->vm, event[0]);
			u64 vector = kinds[kind].vector;
			u64 want = GUEST_VAR(self->vm, want_rip);

			make_event(self, kind);
			take(self);
			run_to_exit(self->vcpu, KVM_EXIT_IO);
			EXPECT_EQ(1, GUEST_VAR(self->vm, events)) {
				TH_LOG("%s", kinds[kind].name);
			}
			EXPECT_EQ(vector, e->vector) {
				TH_LOG("%s", kinds[kind].name);
			}
			EXPECT_EQ(want, e->rip) {
				TH_LOG("%s", kinds[kind].name);
			}
			EXPECT_EQ(kinds[kind].error,
				  GUEST_VAR(self->vm, error[vector])) {
				TH_LOG("%s", kinds[kind].name);
			}
		}
	}
}

static void take_nothing(struct _test_data_redeliver *self)
{
}

static void take_idt(struct _test_data_redeliver *self)
{
	drop(self, IDT_PAGE);
}

static void take_stack(struct _test_data_redeliver *self)
{
	drop(self, STACK_PAGE);
}

static void take_both(struct _test_data_redeliver *self)
{
	drop(self, IDT_PAGE);
	drop(self, STACK_PAGE);
}

static void take_rights(struct _test_data_redeliver *self)
{
	u64 bitmap;

	set_slot(self, KVM_MEM_LOG_DIRTY_PAGES, PAGES * PAGE_SIZE);
	REQUIRE(!vm_dirty_log(self->vm, MEM_SLOT, &bitmap), "dirty log");
}

TEST_F(redeliver, all_mapped)
{
	each_kind(self, _metadata, take_nothing);
}

TEST_F(redeliver, idt_dropped)
{
	each_kind(self, _metadata, take_idt);
}

TEST_F(redeliver, stack_dropped)
{
	each_kind(self, _metadata, take_stack);
}

TEST_F(redeliver, both_dropped)
{
	each_kind(self, _metadata, take_both);
}

TEST_F(redeliver, stack_write_protected)
{
	each_kind(self, _metadata, take_rights);
}

/* No memory is there: user space hears of it, and may put it there. */
TEST_F(redeliver, idt_nowhere)
{
	struct kvm_vcpu_events ev;

	if (!is_umbra())
		SKIP(return, "KVM reports it once more");
	boot(self, guest_kinds, STACK_TOP - 64);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_IRQ);
	set_slot(self, 0, 0);
	run_to_exit(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_DELIVERY_EV,
		  self->vcpu->run->internal.suberror);
	EXPECT_EQ(0, self->vcpu->run->ready_for_interrupt_injection);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(1, ev.interrupt.injected);
	EXPECT_EQ(IRQ, ev.interrupt.nr);
	set_slot(self, 0, PAGES * PAGE_SIZE);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, GUEST_VAR(self->vm, events));
	EXPECT_EQ(IRQ, GUEST_VAR(self->vm, event[0]).vector);
}

TEST_F(redeliver, stack_read_only)
{
	struct kvm_vcpu_events ev;

	if (!is_umbra())
		SKIP(return, "KVM goes on without an error");
	boot(self, guest_kinds, STACK_TOP - 64);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_NMI);
	set_slot(self, 0, 0);
	set_slot(self, KVM_MEM_READONLY, PAGES * PAGE_SIZE);
	run_to_exit(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_DELIVERY_EV,
		  self->vcpu->run->internal.suberror);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(1, ev.nmi.injected);
	EXPECT_EQ(0, ev.nmi.masked);
	set_slot(self, 0, 0);
	set_slot(self, 0, PAGES * PAGE_SIZE);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, GUEST_VAR(self->vm, events));
	EXPECT_EQ(NMI, GUEST_VAR(self->vm, event[0]).vector);
}

/* Taken back by user space, it does not come. */
TEST_F(redeliver, withdrawn)
{
	struct kvm_vcpu_events ev;

	boot(self, guest_kinds, STACK_TOP - 64);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_IRQ);
	set_slot(self, 0, 0);
	run_to_exit(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	get_events(self->vcpu, &ev);
	ev.interrupt.injected = 0;
	ASSERT_EQ(0, KERR(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev));
	set_slot(self, 0, PAGES * PAGE_SIZE);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0, GUEST_VAR(self->vm, events));
}

/*
 * IRET unblocks NMIs even when it faults; but when what it met is ours to mend,
 * it has not happened yet, and no NMI may come before it.
 */
extern char nmi_raw[], nmi_from[];
asm(".pushsection .text\n"
	"nmi_raw: outl %eax, %dx\n"
	"	iretq\n"
	".popsection\n");

static void guest_interrupted(void)
{
	asm volatile("outl %%eax, %%dx\n"
		     "nmi_from: nop\n\t"
		     "outl %%eax, %%dx\n\t"
		     "hlt" : : "a"(0), "d"(RAW_PORT) : "memory");
}

TEST_F(redeliver, iret_of_nmi)
{
	struct kvm_vcpu_events ev;
	struct kvm_regs regs;

	boot(self, guest_interrupted, STACK_TOP - 64);
	set_gate(self, NMI, (u64)nmi_raw, 0);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	unblock_nmis(self);
	make_event(self, K_NMI);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	vcpu_regs(self->vcpu, &regs);
	ASSERT_GE(1, regs.rip - (u64)nmi_raw);
	make_event(self, K_NMI);
	drop(self, STACK_PAGE);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	vcpu_regs(self->vcpu, &regs);
	ASSERT_GE(1, regs.rip - (u64)nmi_raw);
	EXPECT_EQ((u64)nmi_from, *(u64 *)(self->mem + regs.rsp - MEM_GPA));
	get_events(self->vcpu, &ev);
	EXPECT_EQ(1, ev.nmi.masked);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	get_events(self->vcpu, &ev);
	EXPECT_EQ(0, ev.nmi.masked);
}

/* Exceptions on the way to a handler: on a stack that is not there. */
#define IST_DF 1
#define IST_PF 2

static void set_ists(struct _test_data_redeliver *self, bool pf)
{
	u64 *tss = (u64 *)(self->vm->ram + TSS_GPA + 4);

	tss[4 + IST_DF - 1] = STACK_GPA + 0x10000;
	tss[4 + IST_PF - 1] = STACK_GPA + 0x14000;
	set_gate(self, 8, 0, IST_DF);
	if (pf)
		set_gate(self, 14, 0, IST_PF);
}

/* It has no stack, so it may not be C. */
void guest_stackless(void);
asm(".pushsection .text\n"
	"guest_stackless:\n"
	"	mov $0x5e8, %edx\n"	/* RAW_PORT */
	"	lea 2f(%rip), %rcx\n"
	"	mov %rcx, next_rip(%rip)\n"
	"	outl %eax, %dx\n"
	"	nop\n"
	"2:	outl %eax, %dx\n"
	"	hlt\n"
	".popsection\n");

TEST_F(redeliver, double_fault)
{
	boot(self, guest_stackless, NOWHERE + PAGE_SIZE);
	set_ists(self, false);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_IRQ);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, GUEST_VAR(self->vm, events));
	EXPECT_EQ(8, GUEST_VAR(self->vm, event[0]).vector);
	EXPECT_EQ(0, GUEST_VAR(self->vm, error[8]));
}

TEST_F(redeliver, page_fault_instead)
{
	struct kvm_vcpu_events ev;
	struct kvm_sregs sregs;

	boot(self, guest_stackless, NOWHERE + PAGE_SIZE);
	set_ists(self, true);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_IRQ);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, GUEST_VAR(self->vm, events));
	EXPECT_EQ(14, GUEST_VAR(self->vm, event[0]).vector);
	EXPECT_EQ(2, GUEST_VAR(self->vm, error[14]));
	vcpu_sregs(self->vcpu, &sregs);
	EXPECT_EQ(NOWHERE >> 12, (sregs.cr2 >> 12));
	get_events(self->vcpu, &ev);
	EXPECT_EQ(0, ev.interrupt.injected);
}

TEST_F(redeliver, triple_fault)
{
	boot(self, guest_stackless, NOWHERE + PAGE_SIZE);
	run_to_exit(self->vcpu, KVM_EXIT_IO);
	make_event(self, K_IRQ);
	run_to_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
