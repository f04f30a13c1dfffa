# shellcheck shell=sh
# Where a ledger is damaged, told without reading it line by line: one process a
# file. Laid before the follower and before what reads the history.
#
# A line is whole that has its outcome and its results, and an end. What a newer
# format means is not known: of that only the end is looked at.

# ledger_shape DIRECTORY: for each of the two ledger files that is there its name,
# then how many lines it has, then the numbers of those that are not whole. A last
# line without its end may be on its way; its number is told all the same.
ledger_shape() {
	for shape_name in ledger.1.jsonl ledger.jsonl; do
		if [ ! -s "$1/$shape_name" ] || [ ! -r "$1/$shape_name" ]; then continue; fi
		echo "$shape_name"
		sed -n -e '$=' <"$1/$shape_name"
		sed -n -e '/^$/b' \
			-e '/^{"v":[2-9].*}$/b' -e '/^{"v":1[0-9].*}$/b' \
			-e '/^{"v":1,.*"outcome":"[a-z_]*".*"results":{[^}]*}.*}$/b' \
			-e '=' <"$1/$shape_name" | head -n 1000
	done
}
