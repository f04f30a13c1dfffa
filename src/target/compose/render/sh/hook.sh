# shellcheck shell=sh
# The operator's own commands, and webhooks. What they are told of the operation is
# in variables that the step's script sets.

# only_after OUTCOME...: where the operation came to another one there is nothing to do.
only_after() {
	for hook_outcome; do
		[ "$hook_outcome" != "$FD_OUTCOME" ] || return 0
	done
	say "nothing to do: the outcome is $FD_OUTCOME"
	exit 0
}

# secrets_of ID NAME...: sets FD_SECRETS, the directory of this hook's secrets.
secrets_of() {
	FD_SECRETS=$FD_FOLDER/secrets/$1
	export FD_SECRETS
	shift
	for secret; do
		[ -r "$FD_SECRETS/$secret" ] || fail "its secret $secret is not here: it was not found when this was started, or it went when an earlier try ended"
	done
}

# hook_ended EXIT SECONDS: the step's exit code is the hook's own.
hook_ended() {
	! ended_well "$1" "$2" || return 0
	say "the hook failed: $why" >&2
	exit "$1"
}

# hook_command SECONDS COMMAND: for sh -c, in the project's directory.
hook_command() {
	bounded "$1" sh -c "$2" </dev/null
	hook_ended $? "$1"
}

# hook_exec SECONDS SERVICE SECRET COMMAND...: in its running container; SECRET, if
# there is one, on standard input.
hook_exec() {
	hook_seconds=$1
	container_of "$2" || fail "$2 has no running container"
	hook_input=/dev/null
	[ -z "$3" ] || hook_input=$FD_SECRETS/$3
	shift 3
	docker_within "$hook_seconds" exec -i -e "FD_OPERATION=$FD_OPERATION" \
		-e "FD_ENVIRONMENT=$FD_ENVIRONMENT" -e "FD_KIND=$FD_KIND" -e "FD_VERSIONS=$FD_VERSIONS" \
		-e "FD_OPERATOR=$FD_OPERATOR" -e "FD_REASON=$FD_REASON" -e "FD_OUTCOME=${FD_OUTCOME:-}" \
		-e "FD_STEP=${FD_STEP:-}" -e "FD_CHANGED=${FD_CHANGED:-}" "$container" "$@" <"$hook_input"
	hook_ended $? "$hook_seconds"
}

# notify TOOL SERVICE SECONDS FORMAT TEXT FIELDS: TEXT and FIELDS are parts of JSON
# already. The address is in a file, and stays out of what anybody can list or read.
notify() {
	notify_event=before
	notify_outcome=null
	notify_step=null
	notify_changed=null
	notify_words='begins'
	read -r notify_claim <"$FD_FOLDER/claim"
	notify_began=${notify_claim##*\"at\":}
	notify_seconds=$(($(date +%s) - ${notify_began%%[!0-9]*}))
	if [ "$FD_DIRECTION" = closing ]; then
		notify_event=after
		notify_outcome="\"$FD_OUTCOME\""
		notify_changed=$FD_CHANGED
		notify_more=
		case $FD_OUTCOME:$FD_CHANGED in
		went_back:false) notify_more=' before anything changed' ;;
		esac
		case $FD_OUTCOME$notify_more in
		succeeded) notify_words='succeeded' ;;
		went_back' '*) notify_words='stopped' ;;
		went_back) notify_words='failed and went back' ;;
		stuck) notify_words='is STUCK, and an operator has to look' ;;
		cancelled) notify_words='was cancelled' ;;
		refused) notify_words='was refused' ;;
		abandoned) notify_words='was abandoned' ;;
		*) notify_words="ended: $FD_OUTCOME" ;;
		esac
		if [ -n "${FD_STEP:-}" ]; then
			notify_step="\"$FD_STEP\""
			notify_words="$notify_words at $FD_STEP"
		fi
		notify_words="$notify_words$notify_more after $notify_seconds s"
	fi
	notify_text="\"text\":\"$5 $notify_words (operation $FD_OPERATION)\""
	case $4 in
	slack) notify_body="{$notify_text}" ;;
	*) notify_body="{$6,\"event\":\"$notify_event\",\"operation\":$FD_OPERATION,\"outcome\":$notify_outcome,\"changed\":$notify_changed,\"step\":$notify_step,\"seconds\":$notify_seconds,$notify_text}" ;;
	esac
	case $1 in
	curl) notify_curl "$2" "$3" ;;
	*) notify_wget "$3" ;;
	esac
}

# notify_curl SERVICE SECONDS: SERVICE empty: on the server. All of it is a
# configuration on standard input, where quotes and backslashes are escaped.
notify_curl() {
	set -- "$1" "$2" curl -q -g -sS -m "$2" -o /dev/null -w '%{http_code}' \
		-H 'Content-Type: application/json' -K -
	notify_service=$1
	notify_seconds=$2
	shift 2
	notify_data=$(printf '%s' "$notify_body" | sed 's/[\\"]/\\&/g')
	if [ -n "$notify_service" ]; then
		container_of "$notify_service" || fail "$notify_service has no running container to tell it from"
		notify_status=$({
			cat "$FD_SECRETS/curl"
			printf 'data-binary = "%s"\n' "$notify_data"
		} | docker_within "$((notify_seconds + 2))" exec -i "$container" "$@")
	else
		notify_status=$({
			cat "$FD_SECRETS/curl"
			printf 'data-binary = "%s"\n' "$notify_data"
		} | within "$((notify_seconds + 2))" "$@")
	fi
	case $notify_status in
	2[0-9][0-9]) say "told: it answered $notify_status" ;;
	'' | 000) fail 'it could not be told: see above' ;;
	*) fail "it could not be told: it answered $notify_status" ;;
	esac
}

# notify_wget SECONDS: GNU's, which takes the address from a file. What it complains
# of names the address, and is not shown.
notify_wget() {
	printf '%s' "$notify_body" >"$FD_FOLDER/notification"
	within "$(($1 + 2))" wget -q -O /dev/null -T "$1" -t 1 --max-redirect=0 \
		--header='Content-Type: application/json' \
		--post-file="$FD_FOLDER/notification" -i "$FD_SECRETS/address" 2>/dev/null
	notify_exit=$?
	rm -f "$FD_FOLDER/notification"
	case $notify_exit in
	0) say 'told' ;;
	8) fail 'it could not be told: it answered with an error' ;;
	*) fail "it could not be told: wget's exit code is $notify_exit" ;;
	esac
}
