# shellcheck shell=sh
# Asks whether it works, several times if need be.

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

# http TOOL STATUS BODY URL: asked on the server; TOOL: curl or wget.
http() {
	http_container=
	http_ask "$@"
}

# http_inside SERVICE TOOL STATUS BODY URL: asked in its running container.
http_inside() {
	if ! container_of "$1"; then
		why="$1 has no running container"
		return 1
	fi
	http_container=$container
	shift
	http_ask "$@"
}

http_ask() {
	case $1 in
	curl) http_command='curl -q -sS -i -m 10' ;;
	*) http_command='wget -S -O -' ;;
	esac
	if [ -z "$http_container" ]; then
		# shellcheck disable=SC2086 # the words are to be split
		http_answer=$({ within 10 $http_command "$4" | head -c 1048576; } 2>"$FD_FOLDER/answer")
	else
		# shellcheck disable=SC2086
		http_answer=$({ docker_within 10 exec "$http_container" $http_command "$4" | head -c 1048576; } 2>"$FD_FOLDER/answer")
	fi
	case $1 in
	curl)
		http_head=$http_answer
		http_blank=$(printf '\n\r\n.')
		http_answer=${http_answer#*"${http_blank%.}"}
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
	if [ "$http_status" != "$2" ]; then
		why="answered $http_status, not $2"
		return 1
	fi
	case $http_answer in
	*"$3"*) ;;
	*)
		why="answered $http_status, and its text does not hold: $3"
		return 1
		;;
	esac
}

# command_holds COMMAND: for sh -c, in the project's directory.
command_holds() {
	sh -c "$1" </dev/null
	why="exit code $?"
	[ "$why" = 'exit code 0' ]
}

# exec_holds SERVICE COMMAND...
exec_holds() {
	if ! container_of "$1"; then
		why="$1 has no running container"
		return 1
	fi
	shift
	docker exec "$container" "$@" </dev/null
	why="exit code $?"
	[ "$why" = 'exit code 0' ]
}
