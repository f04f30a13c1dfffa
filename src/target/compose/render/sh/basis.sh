# shellcheck shell=sh
# Looks whether what the plan was made from still holds. Prints what does not, a
# line each: what, expected, found.

differences=0

same() {
	[ "$2" != "$3" ] || return 0
	printf '%s\t%s\t%s\n' "$1" "$2" "$3"
	differences=1
}

# same_file PATH EXPECTED
same_file() {
	same_found=$(fingerprint "${2%%:*}" "$1") || same_found=unreadable
	same "$1" "$2" "$same_found"
}

# same_images SERVICE EXPECTED: image IDs, sorted, with commas between; "none".
same_images() {
	if same_lines=$(describe "$1"); then
		same_found=$(
			while read -r same_id same_image same_rest; do
				: "$same_id" "$same_rest"
				[ -z "$same_image" ] || printf '%s\n' "$same_image"
			done <<END | sort | tr '\n' ','
$same_lines
END
		)
		same_found=${same_found%,}
	else
		same_found=unreadable
	fi
	same "image of $1" "$2" "${same_found:-none}"
}

# same_heads EXPECTED SERVICE COMMAND…
same_heads() {
	same_expected=$1
	same_ids=$(containers_of "$2")
	same_ids=${same_ids%%
*}
	shift 2
	if [ -n "$same_ids" ] && same_text=$(docker exec "$same_ids" "$@"); then
		same_found=$(printf '%s\n' "$same_text" | read_heads | tr ' ' '\n' | sort | tr '\n' ' ')
		same_found=${same_found% }
	else
		same_found=unreadable
	fi
	same 'schema heads' "$same_expected" "$same_found"
}
