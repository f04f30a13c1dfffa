# shellcheck shell=sh
# What all steps share. Laid before it: $project, docker and compose as functions.
# The runner gives FD_FOLDER (the operation's folder), FD_OPERATION and FD_DIRECTION.

# The id, the image, the name and the state of a container, a line each.
container_format='{{.Id}} {{.Image}} {{.Name}} {{.RestartCount}} {{.State.StartedAt}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}'

fail() {
	printf 'flightdeck: %s\n' "$*" >&2
	exit 1
}

say() {
	printf 'flightdeck: %s\n' "$*"
}

# containers_of SERVICE: the ids of its containers, a line each.
containers_of() {
	docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project" \
		--filter "label=com.docker.compose.service=$1" \
		--filter label=com.docker.compose.oneoff=False
}

# describe SERVICE: a line a container, by $container_format; nothing if there is none.
describe() {
	describe_ids=$(containers_of "$1") || return 1
	[ -n "$describe_ids" ] || return 0
	# shellcheck disable=SC2086 # an id a word
	docker inspect --format "$container_format" $describe_ids
}

# image_id IMAGE: its ID on this Engine.
image_id() {
	docker image inspect --format '{{.Id}}' "$1"
}

# fingerprint ALGORITHM FILE: algorithm:hash, or "absent".
fingerprint() {
	if [ ! -e "$2" ]; then
		printf 'absent\n'
		return 0
	fi
	case $1 in
	sha256) fingerprint_text=$(sha256sum <"$2") || return 1 ;;
	*) fingerprint_text=$(cksum <"$2") || return 1 ;;
	esac
	printf '%s:%s\n' "$1" "${fingerprint_text%% *}"
}

# result NAME TEXT: what goes into the ledger.
result() {
	mkdir -p "$FD_FOLDER/results" && printf '%s\n' "$2" >"$FD_FOLDER/results/$1"
}

# tell_time: sets now, in seconds; it does not jump when the clock is set.
tell_time() {
	if read -r now tell_rest 2>/dev/null </proc/uptime; then
		: "$tell_rest"
		now=${now%.*}
	else
		now=$(date +%s)
	fi
}

# read_heads: reads what a migration tool prints of its heads, and prints them on
# one line, "base" if there are none. A head stands alone or before a bracket.
read_heads() {
	heads=
	while read -r head head_rest; do
		case $head in '' | *[!A-Za-z0-9_.-]*) continue ;; esac
		case $head_rest in '' | '('*) heads="$heads${heads:+ }$head" ;; esac
	done
	printf '%s\n' "${heads:-base}"
}
