// SPDX-License-Identifier: GPL-2.0
/* Roles: what decides how a guest's table is shadowed. */
#include "../../mmu/shadow.h"
#include "guest.h"
#include "unit.h"

static struct um_guest_paging paging(enum guest_format format)
{
	return (struct um_guest_paging){
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr4 = guest_cr4(format),
		.efer = guest_efer(format),
		.maxphyaddr = 40,
	};
}

static void formats(void)
{
	static const u8 level[] = { 2, 2, 4, 5 };
	static const u8 format[] = { UM_FMT_32, UM_FMT_PAE, UM_FMT_64,
				     UM_FMT_64 };
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		struct um_guest_paging p = paging(f);
		union um_role role = um_role_of(&p);

		CHECK(role.level == level[f] && role.format == format[f]);
		CHECK(role.rights == UM_RIGHTS_ALL && !role.direct);
		CHECK(role.nx == (f != GUEST_32));
		CHECK(um_role_is_pae(role) == (f <= GUEST_PAE));
	}
}

/* Each bit of paging that changes what a table says changes the role. */
static void bits(void)
{
	enum guest_format f;

	for (f = GUEST_32; f < GUEST_FORMATS; f++) {
		struct um_guest_paging p = paging(f), q;
		u32 word = um_role_of(&p).word;

		q = p, q.cr0 ^= CR0_WP;
		CHECK(um_role_of(&q).word != word);
		q = p, q.cr4 ^= CR4_SMEP;
		CHECK(um_role_of(&q).word != word);
		q = p, q.cr4 ^= CR4_SMAP;
		CHECK(um_role_of(&q).word != word);
		q = p, q.cr4 ^= CR4_PSE;
		CHECK((um_role_of(&q).word != word) == (f == GUEST_32));
		q = p, q.efer ^= EFER_NXE;
		CHECK((um_role_of(&q).word != word) == (f != GUEST_32));
	}
}

/* 1024 entries in two or four pages of 512. */
static void parts(void)
{
	struct um_guest_paging p = paging(GUEST_32);
	union um_role role = um_role_of(&p);
	int i;

	for (i = 0; i < 4; i++) {
		role.level = 2;
		role.quadrant = i;
		CHECK(um_role_offset(role) == i * 1024);
		role.level = 1;
		CHECK(i > 1 || um_role_offset(role) == i * 2048);
	}
	p = paging(GUEST_64);
	CHECK(um_role_offset(um_role_of(&p)) == 0);
}

static void reserved(void)
{
	struct um_guest_paging p = paging(GUEST_64);
	union um_role role = um_role_of(&p);

	role.level = 1;
	CHECK(um_role_accepts(role, 40, PTE_P | PTE_NX | BIT_ULL(39)));
	CHECK(!um_role_accepts(role, 40, PTE_W));
	CHECK(!um_role_accepts(role, 40, PTE_P | BIT_ULL(40)));
	role.nx = 0;
	CHECK(!um_role_accepts(role, 40, PTE_P | PTE_NX));
	role.level = 4;
	CHECK(!um_role_accepts(role, 40, PTE_P | PTE_PS));
	role.level = 2;
	CHECK(um_role_accepts(role, 40, PTE_P | PTE_PS));
	CHECK(!um_role_accepts(role, 40, PTE_P | PTE_PS | BIT_ULL(13)));
}

int main(void)
{
	unit_start();
	UNIT(formats);
	UNIT(bits);
	UNIT(parts);
	UNIT(reserved);
	return tap_done();
}
