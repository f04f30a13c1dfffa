# shellcheck shell=sh
# Reads what a plan is made from, in one round trip, and changes nothing. The
# program lays before it what steps.sh begins with and common.sh; and behind it, in
# the first trip, heads.sh, first.sh, newer.sh and claim.sh; then the calls. Prints,
# after the line "flightdeck survey 1", frames: "NAME STATUS LENGTH COMPLAINT\n",
# LENGTH bytes of what a command printed, COMPLAINT bytes of what it complained of,
# "\n".

# open_survey: a directory for what arrives, taken away whatever happens.
open_survey() {
	umask 077
	scratch=$(mktemp -d 2>/dev/null) || {
		echo 'flightdeck: no temporary directory can be made' >&2
		exit 1
	}
	trap 'rm -rf "$scratch"' EXIT
	trap 'exit 1' HUP INT TERM
	names=
}

# collect NAME MOST COMMAND…: runs it beside the others, and keeps MOST bytes.
collect() {
	names="$names $1"
	collect_name=$1
	collect_most=$2
	shift 2
	{
		{
			"$@" </dev/null 2>"$scratch/$collect_name.complaint"
			printf '%s' "$?" >"$scratch/$collect_name.status"
		} | head -c "$collect_most" >"$scratch/$collect_name.text"
	} &
}

# close_survey: waits for all, and prints them.
close_survey() {
	wait
	printf 'flightdeck survey 1\n'
	for name in $names; do
		read -r status <"$scratch/$name.status" || [ -n "$status" ] || status=141
		tail -c 2000 "$scratch/$name.complaint" >"$scratch/complaint"
		length=$(wc -c <"$scratch/$name.text")
		complaint=$(wc -c <"$scratch/complaint")
		printf '%s %s %s %s\n' "$name" "$status" "$((length))" "$((complaint))"
		cat "$scratch/$name.text" "$scratch/complaint"
		printf '\n'
		status=
	done
}

# limit_to SECONDS: for each docker command from here on, where the server can set a limit.
limit_to() {
	if command -v timeout >/dev/null; then limit=$1; fi
}

# --- what either trip collects ---

# copy_of PATH HASH: the copy of PATH with that fingerprint that an operation has kept.
copy_of() {
	tab=$(printf '\t')
	for copy_list in "$root"/releases/*/files; do
		[ -r "$copy_list" ] || continue
		while IFS=$tab read -r copy_name copy_path; do
			[ "$copy_path" = "$1" ] || continue
			copy=${copy_list%/files}/$copy_name
			[ -r "$copy" ] || continue
			[ "$(fingerprint "${2%%:*}" "$copy")" = "$2" ] || continue
			cat -- "$copy"
			return
		done <"$copy_list"
	done
	return 1
}

# running_of SERVICE: the IDs of its running containers, a line each.
running_of() {
	docker ps -q --no-trunc --filter "label=com.docker.compose.project=$project" \
		--filter "label=com.docker.compose.service=$1" \
		--filter label=com.docker.compose.oneoff=False
}

# find_running SERVICE: sets running to the ID of its first running container; false where
# there is none.
find_running() {
	running=$(running_of "$1") || return 1
	running=${running%%
*}
	[ -n "$running" ] && return
	echo 'it does not run' >&2
	return 1
}

# in_service SERVICE COMMAND…: in its running container, for $patience seconds.
in_service() {
	find_running "$1" || return
	shift
	limit_to "$patience"
	docker exec "$running" "$@"
}
