// SPDX-License-Identifier: GPL-2.0
/*
 * A helper of unload_test.sh, no test of its own.
 *
 *   vm_once        run one small guest, exit 0
 *   vm_once hold   run one, then keep the VM until killed
 *   vm_once errno  print the errno of KVM_CREATE_VM, 0 for none
 */
#include "lib/vm.h"

int main(int argc, char **argv)
{
	struct vm *vm;

	if (argc > 1 && !strcmp(argv[1], "errno")) {
		printf("%d\n", KERR(dev_open(), KVM_CREATE_VM, 0));
		return 0;
	}
	vm = vm_boot_remote(1);
	remote_write(&vm->vcpus[0], 0xff8, 1);
	while (argc > 1)
		pause();
	vm_free(vm);
	return 0;
}
