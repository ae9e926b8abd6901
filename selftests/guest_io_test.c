// SPDX-License-Identifier: GPL-2.0
/*
 * Port and memory-mapped I/O: what user space sees of each
 * instruction, and what the guest makes of the answer.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

#define HOLE (MEM_GPA + 0x1000)
#define PORT 0x3f0

/* ---- ports ---- */

static void guest_ports(void)
{
	u32 v;

	asm volatile("outb %%al, %%dx" : : "a"(0x11), "d"(PORT));
	asm volatile("outw %%ax, %%dx" : : "a"(0x2222), "d"(PORT));
	asm volatile("outl %%eax, %%dx" : : "a"(0x33333333), "d"(PORT));
	asm volatile("outb %%al, $0x80" : : "a"(0x44));
	asm volatile("inb %%dx, %%al" : "=a"(v) : "a"(0x55555500), "d"(PORT));
	GUEST_ASSERT_EQ(v, 0x555555a5);
	asm volatile("inw %%dx, %%ax" : "=a"(v) : "a"(0x55550000), "d"(PORT));
	GUEST_ASSERT_EQ(v, 0x5555a5a5);
	asm volatile("inl %%dx, %%eax" : "=a"(v) : "a"(0), "d"(PORT));
	GUEST_ASSERT_EQ(v, 0xa5a5a5a5);
	guest_done();
}

static const struct {
	u8 out, size;
	u16 port;
	u32 value;
} port_exits[] = {
	{ 1, 1, PORT, 0x11 }, { 1, 2, PORT, 0x2222 },
	{ 1, 4, PORT, 0x33333333 }, { 1, 1, 0x80, 0x44 },
	{ 0, 1, PORT, 0 }, { 0, 2, PORT, 0 }, { 0, 4, PORT, 0 },
};

TEST(ports)
{
	struct vm *vm = vm_boot(1, guest_ports);
	struct kvm_run *run = vm->vcpus[0].run;
	u32 value;
	int i;

	for (i = 0; i < ARRAY_SIZE(port_exits); i++) {
		run_to_exit(&vm->vcpus[0], KVM_EXIT_IO);
		EXPECT_EQ(port_exits[i].out, run->io.direction);
		EXPECT_EQ(port_exits[i].size, run->io.size);
		EXPECT_EQ(port_exits[i].port, run->io.port);
		EXPECT_EQ(1, run->io.count);
		value = 0;
		memcpy(&value, (u8 *)run + run->io.data_offset, run->io.size);
		if (run->io.direction) {
			EXPECT_EQ(port_exits[i].value, value);
		} else {
			memset((u8 *)run + run->io.data_offset, 0xa5, 4);
		}
	}
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

/* ---- strings ---- */

#define STRING 3000u
static u8 text[3 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void guest_strings(void)
{
	u64 p, n, i;

	/* Out of a buffer that crosses a page. */
	for (i = 0; i < STRING; i++)
		text[PAGE_SIZE - 100 + i] = i * 7;
	p = (u64)text + PAGE_SIZE - 100;
	n = STRING;
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(n, 0);
	GUEST_ASSERT_EQ(p, (u64)text + PAGE_SIZE - 100 + STRING);

	/* Into one, and not a byte beside it. */
	for (i = 0; i < sizeof(text); i++)
		text[i] = 0xee;
	p = (u64)text + PAGE_SIZE - 40;
	n = STRING / 4;
	asm volatile("rep insl" : "+D"(p), "+c"(n) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(n, 0);
	GUEST_ASSERT_EQ(p, (u64)text + PAGE_SIZE - 40 + STRING);
	for (i = 0; i < STRING; i++)
		GUEST_ASSERT_EQ(text[PAGE_SIZE - 40 + i], (u8)(i * 3));
	GUEST_ASSERT_EQ(text[PAGE_SIZE - 41], 0xee);
	GUEST_ASSERT_EQ(text[PAGE_SIZE - 40 + STRING], 0xee);

	/* Downwards, one at a time, none at all. */
	p = (u64)text + 12;
	n = 3;
	asm volatile("std; rep outsl; cld"
		     : "+S"(p), "+c"(n) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(p, (u64)text);
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(PORT) : "memory");
	asm volatile("outsw" : "+S"(p) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(p, (u64)text + 2);
	guest_done();
}

/* Bytes that went by until something else happens. */
static u32 string_exits(struct __test_metadata *_metadata, struct vcpu *vcpu,
			u32 total, u8 size, u8 factor)
{
	struct kvm_run *run = vcpu->run;
	u32 done = 0, i;
	u8 *data;

	while (done < total) {
		run_to_exit(vcpu, KVM_EXIT_IO);
		if (vcpu_ucall(vcpu))
			break;
		EXPECT_EQ(PORT, run->io.port);
		EXPECT_EQ(size, run->io.size);
		data = (u8 *)run + run->io.data_offset;
		for (i = 0; i < run->io.size * run->io.count; i++, done++) {
			if (!run->io.direction)
				data[i] = done * factor;
			else if (factor)
				EXPECT_EQ((u8)(done * factor), data[i]);
		}
	}
	return done;
}

TEST(strings)
{
	struct vm *vm = vm_boot(1, guest_strings);
	struct vcpu *vcpu = &vm->vcpus[0];

	EXPECT_EQ(STRING, string_exits(_metadata, vcpu, STRING, 1, 7));
	EXPECT_EQ(STRING, string_exits(_metadata, vcpu, STRING, 4, 3));
	EXPECT_EQ(12, string_exits(_metadata, vcpu, 12, 4, 0));
	EXPECT_EQ(2, string_exits(_metadata, vcpu, 2, 2, 0));
	run_to_done(vcpu);
	vm_free(vm);
}

/*
 * Half-done I/O is finished first, also when the run is to end at once; that
 * does not forget which exit it was.
 */
TEST(completed_before_eintr)
{
	struct vm *vm = vm_boot(1, guest_ports);
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_regs before, after;
	int i;

	for (i = 0; i < 5; i++)
		run_to_exit(vcpu, KVM_EXIT_IO);
	vcpu_regs(vcpu, &before);
	*((u8 *)vcpu->run + vcpu->run->io.data_offset) = 0xa5;
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_run_once(vcpu));
	EXPECT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
	vcpu->run->immediate_exit = 0;
	vcpu_regs(vcpu, &after);
	EXPECT_EQ(0xa5, after.rax & 0xff);
	EXPECT_NE(before.rip, after.rip);
	vm_free(vm);
}

/* ---- memory-mapped ---- */

static u64 bounce[4];

#define READ_FORM(insn, init, want) do {				\
	u64 __v = init;							\
									\
	asm volatile(insn : "+a"(__v) : "b"(HOLE) : "memory", "cc");	\
	GUEST_ASSERT_EQ(__v, want);					\
} while (0)

/* Every read is answered 0x8182838485868788. */
static void guest_mmio_reads(void)
{
	u64 s, d;

	READ_FORM("movb (%%rbx), %%al", 0x1111, 0x1188);
	READ_FORM("movw (%%rbx), %%ax", 0x111111, 0x118788);
	READ_FORM("movl (%%rbx), %%eax", ~0ul, 0x85868788);
	READ_FORM("movq (%%rbx), %%rax", 0, 0x8182838485868788);
	READ_FORM("movq 8(%%rbx), %%rax", 0, 0x8182838485868788);
	READ_FORM("movzbl (%%rbx), %%eax", ~0ul, 0x88);
	READ_FORM("movzwl (%%rbx), %%eax", ~0ul, 0x8788);
	READ_FORM("movzbw (%%rbx), %%ax", 0x11ffff, 0x110088);
	READ_FORM("movsbl (%%rbx), %%eax", 0, 0xffffff88);
	READ_FORM("movsbq (%%rbx), %%rax", 0, 0xffffffffffffff88);
	READ_FORM("movswq (%%rbx), %%rax", 0, 0xffffffffffff8788);
	READ_FORM("movslq (%%rbx), %%rax", 0, 0xffffffff85868788);
	READ_FORM("andl (%%rbx), %%eax", 0xffff, 0x8788);
	READ_FORM("orl (%%rbx), %%eax", 0x10000000, 0x95868788);
	READ_FORM("xorl (%%rbx), %%eax", 0x85868788, 0);
	READ_FORM("addl (%%rbx), %%eax", 1, 0x85868789);
	READ_FORM("subl (%%rbx), %%eax", 0x85868788, 0);
	READ_FORM("cmpl (%%rbx), %%eax; sete %%al", 0x85868788, 0x85868701);
	READ_FORM("testl %%eax, (%%rbx); setz %%al", 0x77, 0x01);
	READ_FORM("testb $8, (%%rbx); setnz %%al", 0, 1);
	READ_FORM("cmpb $0x88, (%%rbx); sete %%al", 0, 1);
	s = HOLE;
	d = (u64)bounce;
	asm volatile("movsq; movsl" : "+S"(s), "+D"(d) : : "memory");
	GUEST_ASSERT_EQ(bounce[0], 0x8182838485868788);
	GUEST_ASSERT_EQ((u32)bounce[1], 0x85868788);
	GUEST_ASSERT_EQ(s, HOLE + 12);
	guest_done();
}

TEST(mmio_reads)
{
	struct vm *vm = vm_boot(1, guest_mmio_reads);
	struct vcpu *vcpu = &vm->vcpus[0];
	u64 answer = 0x8182838485868788;
	int n = 0;

	for (;; n++) {
		struct ucall *call;

		REQUIRE(!vcpu_run_once(vcpu), "KVM_RUN");
		call = vcpu_ucall(vcpu);
		if (call) {
			REQUIRE(call->cmd == UCALL_DONE,
				"guest line %lu: %s: %lx, %lx", call->arg[1],
				call->cmd == UCALL_FAIL ?
				(char *)call->arg[2] : "trap",
				call->arg[3], call->arg[4]);
			break;
		}
		if (vcpu->run->exit_reason != KVM_EXIT_MMIO)
			exit_dump(vcpu);
		ASSERT_EQ(KVM_EXIT_MMIO, vcpu->run->exit_reason);
		EXPECT_EQ(0, vcpu->run->mmio.is_write);
		EXPECT_EQ(HOLE, vcpu->run->mmio.phys_addr & ~15ul);
		memcpy(vcpu->run->mmio.data, &answer, 8);
	}
	EXPECT_EQ(23, n);
	vm_free(vm);
}

static void guest_mmio_writes(void)
{
	u64 a = 0x1122334455667788, b = HOLE, d = HOLE, s = (u64)bounce, n = 3;

	asm volatile("movb %%al, (%0)" : : "r"(b), "a"(a) : "memory");
	asm volatile("movw %%ax, 2(%0)" : : "r"(b), "a"(a) : "memory");
	asm volatile("movl %%eax, 4(%0)" : : "r"(b), "a"(a) : "memory");
	asm volatile("movq %%rax, 8(%0)" : : "r"(b), "a"(a) : "memory");
	asm volatile("movb $0x5a, 1(%0)" : : "r"(b) : "memory");
	asm volatile("movl $0x12345678, (%0)" : : "r"(b) : "memory");
	asm volatile("movq $-2, (%0)" : : "r"(b) : "memory");
	asm volatile("stosl" : "+D"(d) : "a"(a) : "memory");
	GUEST_ASSERT_EQ(d, HOLE + 4);
	d = HOLE;
	asm volatile("rep stosw" : "+D"(d), "+c"(n) : "a"(a) : "memory");
	GUEST_ASSERT_EQ(d, HOLE + 6);
	bounce[0] = 0xabcdef;
	d = HOLE;
	asm volatile("movsl" : "+D"(d), "+S"(s) : : "memory");
	/* Two instructions that read first: 0x10 comes back. */
	asm volatile("orl $3, (%0)" : : "r"(b) : "memory", "cc");
	a = 0x99;
	asm volatile("xchgl %%eax, (%1)" : "+a"(a) : "r"(b) : "memory");
	GUEST_ASSERT_EQ(a, 0x10);
	/* One write across a page: two pieces. */
	asm volatile("movq %%rax, -4(%0)"
		     : : "r"(HOLE + PAGE_SIZE), "a"(0x1122334455667788)
		     : "memory");
	guest_done();
}

static const struct {
	u8 write, len;
	u16 offset;
	u64 value;
} writes[] = {
	{ 1, 1, 0, 0x88 }, { 1, 2, 2, 0x7788 }, { 1, 4, 4, 0x55667788 },
	{ 1, 8, 8, 0x1122334455667788 }, { 1, 1, 1, 0x5a },
	{ 1, 4, 0, 0x12345678 }, { 1, 8, 0, -2ul },
	{ 1, 4, 0, 0x55667788 },
	{ 1, 2, 0, 0x7788 }, { 1, 2, 2, 0x7788 }, { 1, 2, 4, 0x7788 },
	{ 1, 4, 0, 0xabcdef },
	{ 0, 4, 0, 0x10 }, { 1, 4, 0, 0x13 },
	{ 0, 4, 0, 0x10 }, { 1, 4, 0, 0x99 },
	{ 1, 4, 0xffc, 0x55667788 }, { 1, 4, 0x1000, 0x11223344 },
};

TEST(mmio_writes)
{
	struct vm *vm = vm_boot(1, guest_mmio_writes);
	struct kvm_run *run = vm->vcpus[0].run;
	u64 value;
	int i;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		run_to_exit(&vm->vcpus[0], KVM_EXIT_MMIO);
		EXPECT_EQ(writes[i].write, run->mmio.is_write) {
			TH_LOG("exit %d", i);
		}
		EXPECT_EQ(writes[i].len, run->mmio.len) {
			TH_LOG("exit %d", i);
		}
		EXPECT_EQ(HOLE + writes[i].offset, run->mmio.phys_addr) {
			TH_LOG("exit %d", i);
		}
		if (run->mmio.is_write) {
			value = 0;
			memcpy(&value, run->mmio.data, run->mmio.len);
			EXPECT_EQ(writes[i].value, value) {
				TH_LOG("exit %d", i);
			}
		} else {
			memcpy(run->mmio.data, &writes[i].value, 8);
		}
	}
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

static void guest_crossing(void)
{
	u64 v;

	guest_write(HOLE + PAGE_SIZE - 4, 0x1122334455667788);
	v = guest_read(HOLE + PAGE_SIZE - 4);
	GUEST_ASSERT_EQ(v, 0xbbbbbbbbaaaaaaaa);
	guest_done();
}

static void *run_in_thread(void *vcpu)
{
	run_to_exit(vcpu, KVM_EXIT_MMIO);
	return NULL;
}

/* The second piece of an access may be asked for by another thread. */
TEST(crossing_access_of_two_threads)
{
	static const u32 pieces[] = { 0x55667788, 0x11223344 };
	struct vm *vm = vm_boot(1, guest_crossing);
	struct kvm_run *run = vm->vcpus[0].run;
	pthread_t thread;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, run_in_thread,
					    &vm->vcpus[0]));
		pthread_join(thread, NULL);
		EXPECT_EQ(4, run->mmio.len);
		EXPECT_EQ(HOLE + PAGE_SIZE - (i & 1 ? 0 : 4),
			  run->mmio.phys_addr);
		EXPECT_EQ(i < 2, run->mmio.is_write);
		if (i < 2) {
			EXPECT_EQ(pieces[i], *(u32 *)run->mmio.data);
			continue;
		}
		memset(run->mmio.data, i == 2 ? 0xaa : 0xbb, 8);
	}
	run_to_done(&vm->vcpus[0]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
