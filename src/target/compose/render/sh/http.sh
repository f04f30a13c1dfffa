# shellcheck shell=sh
# An HTTP check. Laid behind: on_its_way, which runs a command where it is to be asked from.

http_gap=$(printf '\n\nx')
http_gap=${http_gap%x}

# with_curl URL STATUS BODY: the head comes first, so that a long body may be cut.
with_curl() {
	http_answer=$(on_its_way curl -q -sS -i --max-time 10 "$1" | head -c 1048576 | tr -d '\r')
	http_status=${http_answer#HTTP/* }
	http_status=${http_status%%[!0-9]*}
	http_body=${http_answer#*"$http_gap"}
	judge "$2" "$3"
}

# with_wget URL STATUS BODY: GNU's and busybox's; the first status counts, as with curl.
with_wget() {
	http_head=$FD_FOLDER/http-head
	http_body=$(on_its_way wget -S -T 10 -O - "$1" 2>"$http_head" | head -c 1048576)
	http_status=$(sed -n 's/.*HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$http_head" | head -n 1)
	[ -n "$http_status" ] || tail -n 3 "$http_head"
	judge "$2" "$3"
}

# judge STATUS BODY
judge() {
	if [ "$http_status" != "$1" ]; then
		say "status ${http_status:-none}, expected $1"
		return 1
	fi
	case $http_body in
	*"$2"*) ;;
	*)
		say "the body does not hold: $2"
		return 1
		;;
	esac
}
