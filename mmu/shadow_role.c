// SPDX-License-Identifier: GPL-2.0
/*
 * Roles: what, besides the frame of a guest table, decides how it is shadowed.
 */
#include "shadow.h"

union um_role um_role_of(const struct um_guest_paging *p)
{
	union um_role role = { .word = 0 };

	role.format = um_guest_format(p);
	role.level = 2;
	if (role.format == UM_FMT_64)
		role.level = p->cr4 & UM_CR4_LA57 ? 5 : 4;
	role.rights = UM_RIGHTS_ALL;
	role.nx = role.format != UM_FMT_32 && (p->efer & UM_EFER_NXE);
	role.wp = !!(p->cr0 & UM_CR0_WP);
	role.smep = !!(p->cr4 & UM_CR4_SMEP);
	role.smap = !!(p->cr4 & UM_CR4_SMAP);
	role.pse = role.format == UM_FMT_32 && (p->cr4 & UM_CR4_PSE);
	role.gb = !p->no_gbpages;
	return role;
}

bool um_role_accepts(union um_role role, u8 maxphyaddr, u64 gpte)
{
	struct um_gpte_rules rules = {
		.format = role.format,
		.maxphyaddr = maxphyaddr,
		.nx = role.nx,
		.pse = role.pse,
		.gbpages = role.gb,
	};

	return (gpte & UM_GPTE_P) &&
	       !um_gpte_is_reserved(rules, role.level, gpte);
}

/*
 * A 32-bit guest's table has 1024 entries of 4 bytes. A leaf table is shadowed
 * by two pages, a directory by four, because its entries map 4M.
 */
unsigned int um_role_offset(union um_role role)
{
	unsigned int parts = role.level == UM_LEVEL_4K ? 2 : 4;

	if (role.format != UM_FMT_32)
		return 0;
	return role.quadrant * (UM_PAGE_SIZE / parts);
}
