# shellcheck shell=sh
# What the steps of an operation share; a survey begins with this part too. The
# program lays the parts of this directory into one file of the operation's folder,
# steps.sh, after what it knows of the environment; a step's script reads it and
# calls one deed. POSIX sh, for dash, busybox and bash.
#
# Laid before it: $project, $health_timeout (seconds), and the functions docker,
# which takes no longer than $limit seconds where that is set, and compose. The
# project's directory is the working directory.
#
# The runner gives FD_OPERATION, FD_FIRST, FD_FOLDER and FD_DIRECTION. What is printed goes
# to the operation's output; results/ holds what goes into the ledger's line.
#
# Of docker this uses: image inspect, pull, tag, ps, inspect, exec, logs, wait, stop,
# rm, rename; compose up, run, restart.

newline='
'

say() {
	printf '%s\n' "$*"
}

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# now: sets now, in seconds of the server's uptime: its clock may jump.
now() {
	read -r now now_rest </proc/uptime
	: "$now_rest"
	now=${now%.*}
}

# enter DIRECTORY: by its own path where a link leads to it and the project was made
# there, as somebody else has entered it: Compose compares what is mounted by its
# absolute path, and would recreate everything for another name of the same place.
enter() {
	cd -- "$1" || return 1
	enter_whole=$(pwd -P)
	[ "$enter_whole" != "$PWD" ] || return 0
	enter_ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project" 2>/dev/null)
	[ -n "$enter_ids" ] || return 0
	# shellcheck disable=SC2086 # the IDs are to be split
	enter_made=$(docker inspect --type container \
		--format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' $enter_ids 2>/dev/null)
	while read -r enter_made_in; do
		case $enter_made_in in "$enter_whole" | "$enter_whole"/*) cd -P . && return 0 ;; esac
	done <<END
$enter_made
END
}

# secretly: what this shell makes from here on can be read by those who may take part,
# and by nobody else. Who does is what the runner's umask tells.
secretly() {
	case $(umask) in *07) umask 027 ;; *) umask 077 ;; esac
}

# within SECONDS COMMAND...: ended after so long, where this server can.
within() {
	if command -v timeout >/dev/null; then
		timeout "$@"
	else
		shift
		"$@"
	fi
}

# docker_within SECONDS ARGUMENT...
docker_within() {
	limit=$1
	shift
	docker "$@"
	docker_status=$?
	limit=
	return $docker_status
}

# result NAME TEXT: for the ledger's line.
result() {
	printf '%s\n' "$2" >"$FD_FOLDER/results/$1"
}

# short HASH...: sets short to the first twelve digits of each, commas between;
# none where there is nothing.
short() {
	short=
	for short_word; do
		short_word=${short_word#*:}
		short_rest=${short_word#????????????}
		short="$short${short:+, }${short_word%"$short_rest"}"
	done
	: "${short:=none}"
}

# containers_of SERVICE: prints the IDs of its containers, a line each; one-off ones
# are left out.
containers_of() {
	docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project" \
		--filter "label=com.docker.compose.service=$1" \
		--filter label=com.docker.compose.oneoff=False
}

# fingerprint ALGORITHM FILE: prints ALGORITHM:HEX, or absent.
fingerprint() {
	if [ ! -e "$2" ]; then
		echo absent
		return
	fi
	case $1 in
	sha256)
		fingerprint_sum=$(sha256sum <"$2") || return 1
		printf 'sha256:%s\n' "${fingerprint_sum%% *}"
		;;
	*)
		fingerprint_sum=$(cksum <"$2") || return 1
		# shellcheck disable=SC2086 # the fields are to be split
		set -- $fingerprint_sum
		printf 'cksum:%08x%08x\n' "$1" "$2"
		;;
	esac
}
