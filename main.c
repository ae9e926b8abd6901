// SPDX-License-Identifier: GPL-2.0
/*
 * umbra: a hypervisor core that maps guest memory without stopping guests.
 * Module load and unload: bring up in order, unwind in reverse.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/string.h>
#include <umbra/irq.h>
#include <umbra/vm.h>
#include <umbra/vmx.h>

#define CREATE_TRACE_POINTS
#include <umbra/trace.h>

struct um_params um_params = {
	.preemption_timer = true,
	.waiting = 4096,
};

static char *node = "umbra";
module_param(node, charp, 0444);
MODULE_PARM_DESC(node, "name of the device in /dev (default: umbra)");

static char *engine = "tdp";
module_param(engine, charp, 0444);
MODULE_PARM_DESC(engine, "MMU of VM type 0: tdp or shadow (default: tdp)");

static char *fastpath = "tag";
module_param(fastpath, charp, 0444);
MODULE_PARM_DESC(fastpath,
		 "how write faults are fixed without a lock: tag, pair, mw or off");

static char *log = "auto";
module_param(log, charp, 0444);
MODULE_PARM_DESC(log, "how writes are logged: wrprot, pml, dbit, or auto: pml if the CPU has it");

static bool pml = true;
module_param(pml, bool, 0444);
MODULE_PARM_DESC(pml, "let log=auto use page-modification logging (default: 1)");

static bool hugepages = true;
module_param(hugepages, bool, 0444);
MODULE_PARM_DESC(hugepages, "map 2M and 1G where the host does (default: 1)");

static char *rmap = "nulls";
module_param(rmap, charp, 0444);
MODULE_PARM_DESC(rmap, "walks of reverse maps: nulls (without a lock) or locked; shadow paging only");

static char *ptw = "oos";
module_param(ptw, charp, 0444);
MODULE_PARM_DESC(ptw, "a guest's writes to its page tables, with shadow paging: oos or emul (default: oos)");

static bool audit;
module_param(audit, bool, 0444);
MODULE_PARM_DESC(audit, "check the MMU's invariants after every fault (slow)");

module_param_named(preemption_timer, um_params.preemption_timer, bool, 0444);
MODULE_PARM_DESC(preemption_timer,
		 "let the VMX preemption timer tell when a guest's timer expires (default: 1)");

module_param_named(slice, um_params.slice, uint, 0444);
MODULE_PARM_DESC(slice,
		 "microseconds in a guest until it exits, for hosts that take no interrupt in one (default: 0, no limit)");

module_param_named(waiting, um_params.waiting, uint, 0644);
MODULE_PARM_DESC(waiting,
		 "table pages of a VM that may wait for RCU (default: 4096)");

static const char *const fast_names[] = {
	[UM_FAST_OFF] = "off",
	[UM_FAST_TAG] = "tag",
	[UM_FAST_MW] = "mw",
	[UM_FAST_PAIR] = "pair",
};

static const char *const rmap_names[] = {
	[UM_RMAP_LOCKED] = "locked",
	[UM_RMAP_NULLS] = "nulls",
};

static const char *const ptw_names[] = {
	[UM_PTW_EMUL] = "emul",
	[UM_PTW_OOS] = "oos",
};

static int parse_params(void)
{
	int mode = match_string(fast_names, ARRAY_SIZE(fast_names), fastpath);
	int walk = match_string(rmap_names, ARRAY_SIZE(rmap_names), rmap);
	int writes = match_string(ptw_names, ARRAY_SIZE(ptw_names), ptw);

	if (mode < 0) {
		pr_err("fastpath=%s: not one of tag, pair, mw, off\n", fastpath);
		return -EINVAL;
	}
	if (walk < 0) {
		pr_err("rmap=%s: not one of nulls, locked\n", rmap);
		return -EINVAL;
	}
	if (writes < 0) {
		pr_err("ptw=%s: not one of oos, emul\n", ptw);
		return -EINVAL;
	}
	um_params.shadow = !strcmp(engine, "shadow");
	if (!um_params.shadow && strcmp(engine, "tdp")) {
		pr_err("engine=%s: not one of tdp, shadow\n", engine);
		return -EINVAL;
	}
	um_params.fast = mode;
	um_params.pml = pml;
	um_params.hugepages = hugepages;
	um_params.rmap = walk;
	um_params.ptw = writes;
	um_params.audit = audit;
	return 0;
}

static int __init umbra_init(void)
{
	int err;

	err = parse_params();
	if (err)
		return err;
	err = um_rmap_cache_create();
	if (err)
		return err;
	err = um_irq_init();
	if (err)
		goto err_rmap;
	err = um_vmx_init();
	if (err)
		goto err_irq;
	err = um_log_choose(log);
	if (!err)
		err = um_dev_register(node);
	if (err)
		goto err_vmx;
	return 0;

err_vmx:
	um_vmx_exit();
err_irq:
	um_irq_exit();
err_rmap:
	um_rmap_cache_destroy();
	return err;
}

static void __exit umbra_exit(void)
{
	um_dev_unregister();
	um_vmx_exit();
	um_irq_exit();
	um_rmap_cache_destroy();
}

module_init(umbra_init);
module_exit(umbra_exit);
MODULE_DESCRIPTION("Hypervisor core with lockless dirty logging");
MODULE_AUTHOR("The umbra authors");
MODULE_LICENSE("GPL");
