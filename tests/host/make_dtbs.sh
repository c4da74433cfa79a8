#!/bin/sh
# Fill DIR with device tree blobs for the host tests: every source in dts/,
# which dtc must compile without a word, and the trees of QEMU's machines. What
# is expected of them goes there, too; each board's tree must have that.
#
#	tests/host/make_dtbs.sh DIR
set -eu

if [ $# -ne 1 ]; then
	echo "usage: $0 DIR" >&2
	exit 2
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
cd "$root"
status=0

rm -f "$dir"/*.txt
cp tests/host/expect/*.txt "$dir"

for source in $(find dts -name '*.dts' | sort); do
	name=$(basename "$source" .dts)
	said=$(dtc -I dts -O dtb -o "$dir/$name.dtb.new" "$source" 2>&1) ||
		said="${said:-dtc failed}"
	if [ -n "$said" ]; then
		printf '%s:\n%s\n' "$source" "$said" >&2
		rm -f "$dir/$name.dtb.new"
		status=1
	else
		mv "$dir/$name.dtb.new" "$dir/$name.dtb"
	fi
	if [ "$(dirname "$source")" = dts ] && [ ! -f "$dir/$name.txt" ]; then
		echo "$source: no tests/host/expect/$name.txt" >&2
		status=1
	fi
done

# QEMU leaves the blob in a buffer of 1 MiB; dtc cuts it to its size.
dump() {
	name=$1
	shift
	machine=$1
	shift
	rm -f "$dir/$name.raw"
	if qemu-system-riscv64 -M "$machine,dumpdtb=$dir/$name.raw" "$@" \
		-display none >"$dir/$name.log" 2>&1 && [ -s "$dir/$name.raw" ]
	then
		dtc -q -I dtb -O dtb -o "$dir/$name.dtb" "$dir/$name.raw"
		rm -f "$dir/$name.log"
	else
		echo "$name: QEMU gave no tree:" >&2
		cat "$dir/$name.log" >&2
		status=1
	fi
	rm -f "$dir/$name.raw"
}

if command -v qemu-system-riscv64 >/dev/null; then
	dump qemu-virt-1 virt -smp 1
	dump qemu-virt-4 virt -smp 4
	dump qemu-virt-64 virt -smp 64
	dump qemu-virt-sockets virt -smp 4,sockets=2,cores=2,threads=1
	dump qemu-virt-aplic virt,aia=aplic -smp 2
	dump qemu-virt-imsic virt,aia=aplic-imsic -smp 2
	dump qemu-virt-numa virt -smp 4 -m 2G \
		-object memory-backend-ram,id=a,size=1G,reserve=off \
		-object memory-backend-ram,id=b,size=1G,reserve=off \
		-numa node,memdev=a,cpus=0-1 -numa node,memdev=b,cpus=2-3
	dump qemu-virt-16g virt -smp 2 -m 16G,maxmem=16G \
		-object memory-backend-ram,id=m,size=16G,reserve=off \
		-machine memory-backend=m
	dump qemu-sifive-u-2 sifive_u -smp 2
	dump qemu-sifive-u-5 sifive_u -smp 5 -m 2G
fi
exit $status
