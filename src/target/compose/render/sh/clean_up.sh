# shellcheck shell=sh
# What nothing needs any more is removed: by its explicit names, never by force.

# image_users: sets used to the IDs of all images that a container here was made from.
image_users() {
	used=' '
	users_ids=$(docker ps -aq --no-trunc) || fail 'the Engine does not answer: see above'
	[ -n "$users_ids" ] || return 0
	# One that has gone since is an error for docker, and not for us.
	# shellcheck disable=SC2086 # an ID a word
	used=" $(docker inspect --type container --format '{{.Image}}' $users_ids 2>/dev/null | tr '\n' ' ')"
}

# remove_image ID all|some REFERENCE...: all: these are all its names.
remove_image() {
	remove_id=$1
	remove_all=$2
	shift 2
	short "$remove_id"
	if [ "$remove_all" = all ]; then
		case $used in
		*" $remove_id "*)
			say "left: image $short, which a container has come to use"
			return
			;;
		esac
		for remove_name in $(docker image inspect --format '{{range .RepoTags}}{{.}} {{end}}{{range .RepoDigests}}{{.}} {{end}}' "$remove_id" 2>/dev/null); do
			case " $* " in
			*" $remove_name "*) ;;
			*)
				say "left: image $short, which is called $remove_name now"
				return
				;;
			esac
		done
	fi
	for remove_name; do
		image_id "$remove_name" || continue
		if [ "$image_id" != "$remove_id" ]; then
			say "left: $remove_name, which means another image now"
			continue
		fi
		docker image rm "$remove_name" >/dev/null || continue
		say "removed: $remove_name"
	done
}

# remove_container ID NAME
remove_container() {
	docker inspect --type container "$1" >/dev/null 2>&1 || return 0
	docker rm "$1" >/dev/null || return 0
	say "removed: container $2"
}

# remove_backup HANDLE
remove_backup() {
	[ -e "$1" ] || return 0
	rm -f -- "$1" || return 0
	say "removed: $1"
}
