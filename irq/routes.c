// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GSI_ROUTING: a new table in the place of the old one.
 */
#include "glue.h"

#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* Checked or not: a table that is refused changes nothing. */
static int publish(struct um_irqchip *chip, struct um_routes *routes)
{
	struct um_routes *old;

	routes->msi_pins = chip->split_pins;
	if (!um_routes_finish(routes)) {
		kvfree(routes);
		return -EINVAL;
	}
	mutex_lock(&chip->lock);
	old = rcu_replace_pointer(chip->irqs.routes, routes,
				  lockdep_is_held(&chip->lock));
	mutex_unlock(&chip->lock);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

static struct um_routes *alloc(u32 n)
{
	struct um_routes *routes;

	routes = kvzalloc(struct_size(routes, route, n), GFP_KERNEL_ACCOUNT);
	if (routes)
		routes->n = n;
	return routes;
}

int um_routes_set(struct um_irqchip *chip,
		  const struct kvm_irq_routing_entry *entry, u32 n)
{
	struct um_routes *routes = alloc(n);
	u32 i;

	if (!routes)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (!um_route_make(&routes->route[i], &chip->irqs, &entry[i])) {
			kvfree(routes);
			return -EINVAL;
		}
	}
	return publish(chip, routes);
}

int um_routes_set_default(struct um_irqchip *chip)
{
	struct um_routes *routes;

	if (chip->irqs.split)
		return um_routes_set(chip, NULL, 0);
	routes = alloc(UM_ROUTES_DEFAULT);
	if (!routes)
		return -ENOMEM;
	um_routes_default(routes);
	return publish(chip, routes);
}

int um_routes_ioctl(struct um_irqchip *chip, const void __user *user)
{
	const struct kvm_irq_routing __user *u = user;
	struct kvm_irq_routing_entry *entry = NULL;
	struct kvm_irq_routing table;
	int r;

	if (copy_from_user(&table, user, sizeof(table)))
		return -EFAULT;
	if (!chip || table.nr > UM_GSIS || table.flags)
		return -EINVAL;
	if (table.nr) {
		entry = vmemdup_user(u->entries,
				     array_size(sizeof(*entry), table.nr));
		if (IS_ERR(entry))
			return PTR_ERR(entry);
	}
	r = um_routes_set(chip, entry, table.nr);
	kvfree(entry);
	return r;
}
