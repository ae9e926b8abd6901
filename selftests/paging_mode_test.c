// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that turn paging off and on, and what PAE keeps in registers.
 */
#include "kselftest_harness.h"
#include "lib/sdm.h"

#define PAGES 8ul
#define ROUNDS 48
#define VA 0xb0205000ul

/*
 * A guest in 32-bit code: turns paging off, writes the next value to an entry,
 * turns paging on, and reads through it.
 */
struct toggles {
	u64 entry, va, invpcid;	/* where; and whether to flush by INVPCID */
	u64 value[ROUNDS], seen[ROUNDS];
	u64 descriptor[2];
};
struct toggles toggles;
struct ucall toggles_call = { .cmd = UCALL_SYNC };
void toggles_main(void);

asm(".pushsection .text\n"
    ".globl toggles_main\n"
    ".code32\n"
    "toggles_main:\n"
    "	xor %edi, %edi\n"
    "1:	mov %cr0, %eax\n"
    "	and $0x7fffffff, %eax\n"
    "	mov %eax, %cr0\n"
    "	mov toggles, %esi\n"
    "	mov toggles + 24(, %edi, 8), %eax\n"
    "	mov %eax, (%esi)\n"
    "	cmpl $0, toggles + 16\n"
    "	je 2f\n"
    "	mov %edi, %eax\n"
    "	and $3, %eax\n"
    "	invpcid toggles + 24 + 16 * 48, %eax\n"
    "2:	mov %cr0, %eax\n"
    "	or $0x80000000, %eax\n"
    "	mov %eax, %cr0\n"
    "	mov toggles + 8, %esi\n"
    "	mov (%esi), %eax\n"
    "	mov %eax, toggles + 24 + 8 * 48(, %edi, 8)\n"
    "	inc %edi\n"
    "	cmp $48, %edi\n"
    "	jne 1b\n"
    "	mov $toggles_call, %eax\n"
    "	mov $0x5e0, %edx\n"
    "	out %eax, %dx\n"
    ".code64\n"
    ".popsection\n");
_Static_assert(ROUNDS == 48, "the guest's");

FIXTURE(mode) {
	struct vm *vm;
	struct gpt gpt;
	u8 *mem;
};

FIXTURE_VARIANT(mode) {
	enum engine engine;
	int levels;
};

#define MODES(engine, ENGINE)						\
	FIXTURE_VARIANT_ADD(mode, engine##_32bit) { ENGINE, 2 };	\
	FIXTURE_VARIANT_ADD(mode, engine##_pae) { ENGINE, 3 };		\
	FIXTURE_VARIANT_ADD(mode, engine##_long) { ENGINE, 4 }
MODES(tdp, ENGINE_TDP);
MODES(shadow, ENGINE_SHADOW);

static u32 mark(u64 n)
{
	return 0x600d0b0f + (n << 16);
}

FIXTURE_SETUP(mode)
{
	u64 i;

	ENGINE_CHOOSE();
	self->vm = vm_create_mem();
	self->mem = vm_add_mem(self->vm, MEM_SLOT, 0, MEM_GPA,
			       PAGES * PAGE_SIZE);
	for (i = 0; i < PAGES; i++)
		*(u32 *)(self->mem + i * PAGE_SIZE) = mark(i);
	/* Of long mode tables of its own, too: code is below 4G. */
	gpt_init(&self->gpt, self->vm, variant->levels);
	gpt_identity(&self->gpt, self->vm->ram_size);
}

FIXTURE_TEARDOWN(mode)
{
	vm_free(self->vm);
}

/* 32-bit code with paging on; with four levels that is compatibility mode. */
static struct vcpu *boot(struct gpt *gpt)
{
	struct vcpu *vcpu = vcpu_add(gpt->vm, 0);
	struct kvm_sregs sregs;

	vcpu_setup(vcpu, toggles_main);
	vcpu_sregs(vcpu, &sregs);
	sregs.cs.l = 0;
	sregs.cs.db = 1;
	sregs.cr3 = gpt->root;
	if (gpt->levels == 3)
		sregs.efer = 0;
	if (gpt->levels == 2) {
		sregs.efer = 0;
		sregs.cr4 &= ~CR4_PAE;
	}
	REQUIRE(!KERR(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	return vcpu;
}

static void prepare(struct _test_data_mode *self, int level, const u64 *value,
		    int nr, u64 invpcid)
{
	struct toggles *t = GUEST_PTR(self->vm, toggles);
	int i;

	gpt_map(&self->gpt, VA, MEM_GPA | PT_P | PT_W | PT_U, 1);
	t->entry = gpt_entry(&self->gpt, VA, level);
	t->va = VA;
	t->invpcid = invpcid;
	for (i = 0; i < ROUNDS; i++)
		t->value[i] = value[i % nr];
}

TEST_F(mode, leaf_changed_while_off)
{
	struct toggles *t = GUEST_PTR(self->vm, toggles);
	struct vcpu *vcpu = boot(&self->gpt);
	u64 value[5];
	int i;

	for (i = 0; i < 5; i++)
		value[i] = (MEM_GPA + i * PAGE_SIZE) | PT_P | PT_W;
	prepare(self, 1, value, 5, 0);
	run_to_sync(vcpu, 0);
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(mark(i % 5), t->seen[i]);
}

/* The directory's entry leads to one leaf table or to another. */
TEST_F(mode, directory_changed_while_off)
{
	struct toggles *t = GUEST_PTR(self->vm, toggles);
	struct vcpu *vcpu = boot(&self->gpt);
	u64 value[3], at;
	int i;

	for (i = 0; i < 3; i++) {
		value[i] = gpt_page(self->vm) | PT_P | PT_W;
		at = gpt_slot(&self->gpt, value[i], VA, 1);
		gpt_set(&self->gpt, at, (MEM_GPA + i * PAGE_SIZE) | PT_P);
	}
	prepare(self, 2, value, 3, 0);
	run_to_sync(vcpu, 0);
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(mark(i % 3), t->seen[i]);
}

static bool has_invpcid(int dev)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(dev);
	struct kvm_cpuid_entry2 *leaf = cpuid_leaf(cpuid, 7);
	bool has = leaf && leaf->ebx >> 10 & 1;

	free(cpuid);
	return has;
}

/* All types are legal with paging off, and do nothing there. */
TEST_F(mode, invpcid_while_off)
{
	struct toggles *t = GUEST_PTR(self->vm, toggles);
	u64 value[2] = { MEM_GPA | PT_P, (MEM_GPA + PAGE_SIZE) | PT_P };
	struct vcpu *vcpu;
	int i;

	if (!has_invpcid(self->vm->dev))
		SKIP(return, "no INVPCID here");
	vcpu = boot(&self->gpt);
	prepare(self, 1, value, 2, 1);
	run_to_sync(vcpu, 0);
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(mark(i % 2), t->seen[i]);
}

TEST_F(mode, root_moved)
{
	struct toggles *t = GUEST_PTR(self->vm, toggles);
	struct vcpu *vcpu = boot(&self->gpt);
	u64 value[1] = { (MEM_GPA + 4 * PAGE_SIZE) | PT_P }, copy;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int i;

	prepare(self, 1, value, 1, 0);
	copy = gpt_page(self->vm);
	for (i = 0; i < 4; i++) {
		run_to_sync(vcpu, 0);
		EXPECT_EQ(mark(4), t->seen[ROUNDS - 1]);
		/* The same tables by another root, and from the start. */
		memcpy(self->vm->ram + copy, self->vm->ram + self->gpt.root,
		       PAGE_SIZE);
		vcpu_sregs(vcpu, &sregs);
		sregs.cr3 = i & 1 ? self->gpt.root : copy;
		ASSERT_EQ(0, KERR(vcpu->fd, KVM_SET_SREGS, &sregs));
		vcpu_regs(vcpu, &regs);
		regs.rip = (u64)toggles_main;
		vcpu_set_regs(vcpu, &regs);
	}
}

/* ---- the four pointers of PAE ---- */

static struct access *pdpte_batch(struct vcpu *vcpu, u64 va, u64 cr3, u64 cr4)
{
	struct access_batch *b = GUEST_PTR(vcpu->vm, access_batch);

	memset(b->setup, 0, sizeof(b->setup[0]));
	b->cr0 = CR0_PG | CR0_PE;
	b->cr4 = CR4_PAE | cr4;
	b->cr3 = cr3;
	b->efer = 0;
	b->nr = 1;
	b->setup[0].nr = 1;
	b->setup[0].va = va;
	b->setup[0].access[0].op = ACCESS_READ;
	access_run(vcpu);
	return &b->setup[0].access[0];
}

FIXTURE(pae) {
};
ENGINE_VARIANTS(pae);
FIXTURE_SETUP(pae)
{
	ENGINE_CHOOSE();
}
FIXTURE_TEARDOWN(pae)
{
}

/*
 * What is in memory counts when CR3 is loaded, or bits of CR4, and not before:
 * not with INVLPG either.
 */
TEST_F(pae, pointers_are_registers)
{
	struct vm *vm = vm_create_mem();
	u64 at, pdpte[2], other;
	struct vcpu *vcpu;
	struct access *a;
	struct gpt gpt;
	u8 *mem;
	int i;

	mem = vm_add_mem(vm, MEM_SLOT, 0, MEM_GPA, PAGES * PAGE_SIZE);
	for (i = 0; i < 2; i++)
		*(u32 *)(mem + i * PAGE_SIZE) = mark(i);
	access_tables(&gpt, vm, 3);
	vcpu = access_boot(&gpt);
	at = gpt_slot(&gpt, gpt.root, 0xc0000000, 3);
	gpt_map(&gpt, 0xc0000000, MEM_GPA | PT_P, 1);
	pdpte[0] = gpt_get(&gpt, at);
	gpt_set(&gpt, at, 0);
	gpt_map(&gpt, 0xc0000000, (MEM_GPA + PAGE_SIZE) | PT_P, 1);
	pdpte[1] = gpt_get(&gpt, at);
	for (i = 0; i < 8; i++) {
		other = !(i & 1);
		gpt_set(&gpt, at, pdpte[i & 1]);
		a = pdpte_batch(vcpu, 0xc0000000, gpt.root, 0);
		EXPECT_EQ(mark(i & 1), a->value);
		gpt_set(&gpt, at, pdpte[other]);
		a = pdpte_batch(vcpu, 0xc0000000, 0, 0);
		EXPECT_EQ(mark(i & 1), a->value);
		a = pdpte_batch(vcpu, 0xc0000000, 0, CR4_PGE);
		EXPECT_EQ(mark(other), a->value);
		gpt_set(&gpt, at, 0);
		a = pdpte_batch(vcpu, 0xc0000000, 0, CR4_PGE);
		EXPECT_EQ(ACCESS_DONE, a->vector);
		a = pdpte_batch(vcpu, 0xc0000000, gpt.root, CR4_PGE);
		EXPECT_EQ(ACCESS_FAULT, a->vector);
		EXPECT_EQ(0, a->error);
		EXPECT_EQ(0xc0000000, a->cr2);
	}
	vm_free(vm);
}

TEST_HARNESS_MAIN
