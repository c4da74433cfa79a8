# What extlinux.conf says, as a script, for a U-Boot without extlinux or for
#
#	load mmc 1:3 ${scriptaddr} boot.scr; source ${scriptaddr}
#
# The device tree is the one that fdtfile names, if the card has it, else U-Boot's
# own. StarFive's U-Boot (2021.10) is told by chipa_set_linux, its script that puts
# the true size of memory into the tree at fdt_addr_r. Its fdtfile was not always
# right, and its own tree is not to be trusted: there v1.3B is the default, which
# differs from v1.2A in nothing that this kernel uses.
setenv bootargs '@APPEND@'
setenv strata_from "mmc 1:3"
if test -n "${distro_bootpart}"; then
	setenv strata_from "${devtype} ${devnum}:${distro_bootpart}"
fi

setenv strata_initrd -
if test -e ${strata_from} /initrd; then
	load ${strata_from} ${ramdisk_addr_r} /initrd
	setenv strata_initrd ${ramdisk_addr_r}:${filesize}
fi

setenv strata_file "${fdtfile}"
if test -z "${fdtfile}" || test ! -e ${strata_from} /${fdtfile}; then
	setenv strata_file
	if test -n "${chipa_set_linux}"; then
		setenv strata_file starfive/jh7110-starfive-visionfive-2-v1.3b.dtb
	fi
fi

setenv strata_tree ${fdtcontroladdr}
if test -n "${strata_file}"; then
	if load ${strata_from} ${fdt_addr_r} /${strata_file}; then
		setenv strata_tree ${fdt_addr_r}
		if test -n "${chipa_set_linux}"; then
			run chipa_set_linux
		fi
	fi
fi

if load ${strata_from} ${kernel_addr_r} /Image; then
	booti ${kernel_addr_r} ${strata_initrd} ${strata_tree}
fi
