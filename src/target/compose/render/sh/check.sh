# shellcheck shell=sh
# Asks whether it works, several times if need be. Of an HTTP check the step's script
# brings the functions http_with COMMAND… (adds what is sent and the address) and
# http_expected (what the answer must be), and json_tool and json_service.

# check NAME ATTEMPTS SECONDS COMMAND...: COMMAND is tried until it holds; it sets
# why where it does not.
check() {
	check_name=$1
	check_attempts=$2
	check_seconds=$3
	shift 3
	check_attempt=1
	while :; do
		why=
		if "$@"; then
			say "$check_name: holds"
			return
		fi
		say "$check_name: attempt $check_attempt of $check_attempts: ${why:-failed}"
		[ "$check_attempt" -lt "$check_attempts" ] || break
		check_attempt=$((check_attempt + 1))
		sleep "$check_seconds"
	done
	fail "$check_name does not hold"
}

# verifying ID: takes the check from those that an earlier try could not verify, and
# sets check_id.
verifying() {
	check_id=$1
	[ -r "$FD_FOLDER/results/not_verified" ] || return 0
	read -r verifying_all <"$FD_FOLDER/results/not_verified"
	rm -f "$FD_FOLDER/results/not_verified"
	verifying_ifs=$IFS
	IFS=,
	for verifying_other in $verifying_all; do
		IFS=$verifying_ifs
		[ "$verifying_other" = "$1" ] || not_verified "$verifying_other"
	done
	IFS=$verifying_ifs
}

# not_verified ID: for the ledger's line. A release with such a check is not proven
# healthy, and yet it has not failed.
not_verified() {
	not_verified=
	[ ! -r "$FD_FOLDER/results/not_verified" ] || read -r not_verified <"$FD_FOLDER/results/not_verified"
	result not_verified "$not_verified${not_verified:+,}$1"
}

# bounded SECONDS COMMAND...: ended after so long, with 124. In the step's own process
# group, unlike what timeout makes of it: who ends the step ends this too.
bounded() {
	bounded_seconds=$1
	shift
	"$@" &
	bounded_command=$!
	(
		sleep "$bounded_seconds" &
		bounded_sleep=$!
		trap 'kill "$bounded_sleep"; exit' TERM
		wait "$bounded_sleep" || exit
		trap - TERM
		kill -TERM "$bounded_command" && sleep 2 && kill -KILL "$bounded_command"
	) >/dev/null 2>&1 &
	bounded_watch=$!
	{ wait "$bounded_command"; } 2>/dev/null
	bounded_exit=$?
	kill -TERM "$bounded_watch" 2>/dev/null
	{ wait "$bounded_watch"; } 2>/dev/null
	case $bounded_exit in 137 | 143) bounded_exit=124 ;; esac
	return "$bounded_exit"
}

# http TOOL METHOD SECONDS STATUSES: asked on the server; TOOL: curl or wget;
# STATUSES: FROM-TO words.
http() {
	http_container=
	http_ask "$@"
}

# http_inside SERVICE TOOL METHOD SECONDS STATUSES: asked in its running container;
# TOOL any: what that has.
http_inside() {
	if ! container_of "$1"; then
		why="$1 has no running container"
		return 1
	fi
	http_container=$container
	if [ "$2" = any ]; then
		if has_inside curl; then
			http_tool=curl
		elif has_inside wget; then
			http_tool=wget
		else
			say "$check_name cannot be asked: $1 has neither curl nor wget"
			not_verified "$check_id"
			exit 0
		fi
	else
		http_tool=$2
	fi
	shift 2
	http_ask "$http_tool" "$@"
}

# has_inside PROGRAM: in http_container. One without it answers 126 or 127.
has_inside() {
	docker_within 10 exec "$http_container" "$1" --help >/dev/null 2>&1
	[ $? -lt 124 ]
}

http_ask() {
	case $1:$2 in
	curl:HEAD) http_command="curl -q -g -sS -I -m $3" ;;
	curl:*) http_command="curl -q -g -sS -i -m $3" ;;
	# Without -T: with it the wget of Debian's busybox dies.
	*:HEAD) http_command='wget -S --spider' ;;
	*) http_command='wget -S -O -' ;;
	esac
	# What it is told to keep to, and a little, in case it does not.
	http_limit=$(($3 + 2))
	if [ -z "$http_container" ]; then
		# shellcheck disable=SC2086 # the words are to be split
		http_answer=$({ http_with within "$http_limit" $http_command | head -c 1048576; } 2>"$FD_FOLDER/answer")
	else
		# shellcheck disable=SC2086
		http_answer=$({ http_with docker_within "$http_limit" exec "$http_container" $http_command | head -c 1048576; } 2>"$FD_FOLDER/answer")
	fi
	http_blank=$(printf '\n\r\n.')
	http_blank=${http_blank%.}
	case $1 in
	curl)
		# "100 Continue" and its like go before the answer.
		while :; do
			http_head=${http_answer%%"$http_blank"*}
			case $http_head in
			HTTP/*' 1'[0-9][0-9]*) ;;
			*) break ;;
			esac
			case $http_answer in *"$http_blank"*) ;; *) break ;; esac
			http_answer=${http_answer#*"$http_blank"}
		done
		case $http_answer in
		*"$http_blank"*) http_answer=${http_answer#*"$http_blank"} ;;
		*) http_answer= ;;
		esac
		;;
	*) http_head=$(head -c 65536 "$FD_FOLDER/answer") ;;
	esac
	http_status=
	while read -r http_protocol http_code http_rest; do
		case $http_protocol:$http_code in HTTP/*:[1-5][0-9][0-9]) http_status=$http_code && break ;; esac
	done <<END
$http_head
END
	: "${http_rest:-}"
	if [ -z "$http_status" ]; then
		why="no answer: $(tail -n 1 "$FD_FOLDER/answer" | head -c 300)"
		return 1
	fi
	for http_range in $4; do
		if [ "$http_status" -ge "${http_range%-*}" ] && [ "$http_status" -le "${http_range#*-}" ]; then
			http_expected
			return
		fi
	done
	why="answered $http_status, not $http_wanted"
	return 1
}

# header_holds PATTERN NAME TEXT: PATTERN finds the name in any case.
header_holds() {
	header=$(printf '%s\n' "$http_head" | tr -d '\r' | sed -n "s/^ *$1: *//p" | head -c 4096)
	case $header in
	*"$3"*) ;;
	'')
		why="answered $http_status, without the header $2"
		return 1
		;;
	*)
		why="answered $http_status, and its header $2 is not $3 but: $header"
		return 1
		;;
	esac
}

# body_holds TEXT
body_holds() {
	case $http_answer in
	*"$1"*) ;;
	*)
		why="answered $http_status, and its text does not hold: $1"
		return 1
		;;
	esac
}

# What both print: equal, or what there is instead.
# shellcheck disable=SC2016 # for jq to expand
json_jq='reduce $path[] as $name (.; if type == "array" then .[($name | try tonumber catch -1)] elif type == "object" then .[$name] else null end) | if . == $value then "equal" else tojson end'
json_python='
import json, sys
at = json.load(sys.stdin)
path, value = (json.loads(word) for word in sys.argv[1:])
for name in path:
    try:
        at = at[int(name)] if isinstance(at, list) else at[name]
    except (KeyError, IndexError, TypeError, ValueError):
        at = None
same = at == value and isinstance(at, bool) == isinstance(value, bool)
print("equal" if same else json.dumps(at))
'

# json_holds PATH VALUE WORDS: both as JSON; WORDS: the path as people write it.
json_holds() {
	json_container=
	if [ -n "$json_service" ]; then
		if ! container_of "$json_service"; then
			why="$json_service has no running container to read the answer with"
			return 1
		fi
		json_container=$container
	fi
	if [ "$json_tool" = any ]; then
		json_tool=python3
		! has_inside jq || json_tool=jq
	fi
	case $json_tool in
	jq) set -- "$1" "$2" "$3" jq -r --argjson path "$1" --argjson value "$2" "$json_jq" ;;
	*) set -- "$1" "$2" "$3" python3 -c "$json_python" "$1" "$2" ;;
	esac
	json_words=$3
	json_value=$2
	shift 3
	if [ -n "$json_container" ]; then
		json_found=$(printf '%s' "$http_answer" | docker_within 10 exec -i "$json_container" "$@" 2>"$FD_FOLDER/answer")
	else
		json_found=$(printf '%s' "$http_answer" | within 10 "$@" 2>"$FD_FOLDER/answer")
	fi
	case $json_found in
	equal) ;;
	'')
		why="answered $http_status, and that cannot be read as JSON: $(tail -n 1 "$FD_FOLDER/answer" | head -c 200)"
		return 1
		;;
	*)
		why="answered $http_status, and $json_words is not $json_value but $(printf '%s' "$json_found" | head -c 200)"
		return 1
		;;
	esac
}

# command_holds SECONDS COMMAND: for sh -c, in the project's directory.
command_holds() {
	bounded "$1" sh -c "$2" </dev/null
	ended_well $? "$1"
}

# exec_holds SECONDS SERVICE COMMAND...
exec_holds() {
	exec_seconds=$1
	if ! container_of "$2"; then
		why="$2 has no running container"
		return 1
	fi
	shift 2
	docker_within "$exec_seconds" exec "$container" "$@" </dev/null
	ended_well $? "$exec_seconds"
}

# ended_well EXIT SECONDS: sets why.
ended_well() {
	case $1 in
	0) return 0 ;;
	124 | 143) why="it took longer than $2 s" ;;
	*) why="exit code $1" ;;
	esac
	return 1
}

# from_here NAME SECONDS: waits for what whoever follows the operation says, who
# asks from where they are: somebody has to begin within half a minute, and say
# within SECONDS. See verdict.sh.
from_here() {
	here_file=$FD_FOLDER/verdicts/$FD_OPERATION-$FD_DIRECTION-$check_id
	mkdir -p "$FD_FOLDER/verdicts"
	: >"$here_file.waiting"
	say "$1: asked by whoever follows, from where they are"
	now
	here_until=$((now + 30))
	here_asking=
	while [ ! -e "$here_file" ]; do
		now
		if [ -z "$here_asking" ] && [ -e "$here_file.asking" ]; then
			here_asking=yes
			here_until=$((now + $2))
		fi
		if [ "$now" -ge "$here_until" ]; then
			say "$1: nobody ${here_asking:+who began to ask }said whether it holds: not verified"
			rm -f "$here_file.waiting"
			not_verified "$check_id"
			return 0
		fi
		sleep 1
	done
	rm -f "$here_file.waiting"
	here_why=
	{
		read -r here_verdict
		IFS= read -r here_why
	} <"$here_file"
	[ "$here_verdict" = holds ] || fail "$1 does not hold, seen from there: $here_why"
	say "$1: holds, seen from there"
}
