# shellcheck shell=sh
# Containers that the Engine has lost hold of. One that is restarted while it starts a
# container can leave that begun where it does not look again: it says for ever that the
# container's task "already exists" (seen with 20.10; older ones: "container with id
# exists"), and neither docker start nor Compose ever starts it. Only a new one runs.

lost_format='{{.State.Status}} {{.State.Error}}'

# made_anew SERVICE...: makes those of their containers anew that are lost in that way,
# from the compose file as it is. False where none was, or where one could not be made.
made_anew() {
	made_anew_lost=
	for made_anew_service; do
		for made_anew_id in $(containers_of "$made_anew_service"); do
			case $(docker inspect --type container --format "$lost_format" "$made_anew_id" 2>/dev/null) in
			'running '*) ;;
			*'already exists'* | *'with id exists'*)
				made_anew_lost="$made_anew_lost $made_anew_service"
				break
				;;
			esac
		done
	done
	[ -n "$made_anew_lost" ] || return 1
	say "the Engine has lost hold of a container of$made_anew_lost, and cannot start it any more: it is made anew"
	# shellcheck disable=SC2086 # the services are to be split
	compose up -d --no-deps --force-recreate --pull never --no-build $made_anew_lost </dev/null
}
