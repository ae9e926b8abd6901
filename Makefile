# SPDX-License-Identifier: GPL-2.0
# What a developer asks for; the module itself is built by Kbuild.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

# The kernel to build for: the running one when its headers are here, else the
# newest 6.1. KVER takes a release or a series (6.12), KDIR any build folder.
KVER ?= $(shell uname -r)
override KVER := $(shell scripts/kver $(KVER))
KDIR ?= /lib/modules/$(KVER)/build

DEPMOD ?= depmod
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DKMS_TREE = $(DESTDIR)/usr/src/umbra-$(VERSION)
SOURCES = $(shell scripts/sources)
DKMS_FILES = dkms.conf Makefile $(addprefix scripts/,kver kcheck lib.sh sources)

kbuild = scripts/kcheck $(KDIR) && $(MAKE) -C $(KDIR) M=$(CURDIR)

all: ## build ./umbra.ko for KVER= or KDIR=
	@$(kbuild) modules

install: modules_install ## modules_install, then depmod
	$(DEPMOD) -a $(KVER)

modules_install: all ## put umbra.ko under /lib/modules/KVER/updates
	@$(kbuild) INSTALL_MOD_DIR=updates modules_install

dkms-tree: ## put the module's sources where DKMS looks for them
	@rm -rf $(DKMS_TREE)
	@mkdir -p $(DKMS_TREE)
	@cp --parents $(DKMS_FILES) $(SOURCES) $(DKMS_TREE)

dkms-install: dkms-tree ## have DKMS build it for each 6.1 and 6.12 here
	@for dir in /lib/modules/6.1.*/build /lib/modules/6.12.*/build; do \
		rel=$$(basename $$(dirname $$dir)); \
		[ ! -e $$dir/Makefile ] || \
			dkms install umbra/$(VERSION) -k $$rel --force || exit; \
	done

deb: ## build Debian's packages under build/deb
	@scripts/deb

run: ## boot a VT-x host and migrate a guest live in it
	@scripts/run

check: ## every test, on both kernels (TIERS="static unit" for some)
	@scripts/check $(TIERS)

linux: ## boot Linux with penumbra on umbra, and migrate it, in a VT-x host
	@scripts/linux

qemu: ## boot Linux in QEMU on umbra, in a VT-x host
	@scripts/qemu

check-upstream: ## KVM's own selftests, on both kernels and engines
	@scripts/check-upstream

torture: ## the MMU in userspace: T= seconds for SEED=, or for three seeds
	@scripts/torture $(T) $(SEED)

bench: ## umbra beside kvm_intel, operation by operation
	@scripts/bench

bench-guest: ## a Linux guest in QEMU, its boot and work, umbra beside kvm_intel
	@scripts/bench-guest

bench-migrate: ## a Linux guest at work migrates, on umbra and on kvm_intel
	@scripts/bench-migrate

sparse: ## build with sparse watching
	@scripts/kbuild $(KVER) C=2 CF=-Wcontext

style: ## checkpatch, sizes and the direction of #includes
	@scripts/check-style

compile_commands.json: all ## for editors and clang tools
	@tool=$$(scripts/ksource gen_compile_commands.py) && \
		python3 $$tool -d $(CURDIR) -o $@ $(CURDIR)

clean: ## remove what was built, but keep build/kernels
	@if [ -e $(KDIR)/Makefile ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	@find build -mindepth 1 -maxdepth 1 ! -name kernels ! -name ksource \
		-exec rm -rf {} + 2>/dev/null || true
	@rm -f compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		expand -t 28
	@echo "Kernel: $(KVER) ($(KDIR))"

.PHONY: all install modules_install dkms-tree dkms-install deb run check \
	check-upstream linux qemu torture bench bench-guest bench-migrate sparse style compile_commands.json \
	clean help
