# shellcheck shell=sh
# Containers of the project's services, as the Engine knows them.

# .Id is in the Engine's own JSON alone, so that docker fills this from that: where
# a container has no health check there is no .State.Health to ask for.
container_format='{{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.container-number"}} {{.Id}} {{.Name}} {{.Image}} {{.State.Status}} {{with index .State "Health"}}{{.Status}}{{else}}none{{end}} {{.RestartCount}} {{.State.StartedAt}} {{.State.ExitCode}}'
health_format='{{if .State.Health}}{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}{{end}}'

# look SERVICE...: sets seen to a line a container of these services, by service
# and number: service number id name image status health restarts started code.
# One-off containers are left out, and those that are not in $only, a list of IDs,
# where that is set. False where the Engine does not answer.
look() {
	seen=
	look_ids=$(docker ps -aq --no-trunc \
		--filter "label=com.docker.compose.project=$project" \
		--filter label=com.docker.compose.oneoff=False) || return 1
	[ -n "$look_ids" ] || return 0
	# One that has gone since is an error for docker, and not for us.
	# shellcheck disable=SC2086 # the IDs are to be split
	look_lines=$(docker inspect --type container --format "$container_format" $look_ids 2>/dev/null)
	[ -n "$look_lines" ] || return 1
	look_lines=$(printf '%s\n' "$look_lines" | sort -k 1,1 -k 2,2n)
	while read -r look_service look_number look_id look_rest; do
		case " $* " in *" $look_service "*) ;; *) continue ;; esac
		case " ${only:-$look_id} " in *" $look_id "*) ;; *) continue ;; esac
		seen="$seen$look_service $look_number $look_id $look_rest$newline"
	done <<END
$look_lines
END
}

# container_of SERVICE: sets container to the ID of its first running container.
container_of() {
	container=
	look "$1" || fail "the Engine does not answer: see above"
	while read -r service number id name image status rest; do
		[ "$status" = running ] && container=$id && break
	done <<END
$seen
END
	: "$service" "$number" "$name" "$image" "${rest:-}"
	[ -n "$container" ]
}

# judge SERVICE...: from seen, sets unwell to a line a container or service that
# is not well, and lost to those of them that waiting does not make well.
judge() {
	unwell=
	lost=
	judge_found=' '
	while read -r service number id name image status health restarts started code; do
		case " $* " in *" $service "*) ;; *) continue ;; esac
		judge_found="$judge_found$service "
		judge_words=
		case $status:$health in
		running:healthy | running:none) ;;
		running:*) judge_words="${name#/} is $health" ;;
		restarting:* | created:*) judge_words="${name#/} is $status (exit code $code)" ;;
		*)
			judge_words="${name#/} is $status (exit code $code)"
			lost="$lost$judge_words$newline"
			;;
		esac
		unwell="$unwell${judge_words:+$judge_words$newline}"
	done <<END
$seen
END
	: "$number" "$id" "$image" "$restarts" "$started"
	for service; do
		case $judge_found in *" $service "*) continue ;; esac
		lost="$lost$service has no container$newline"
		unwell="$unwell$service has no container$newline"
	done
}

# tell_unwell: of each container in seen that is not well, how its health check
# answered last, and its last lines.
tell_unwell() {
	while read -r service number id name image status health restarts rest; do
		[ -n "$service" ] || continue
		case $status:$health in running:healthy | running:none) [ "$restarts" = 0 ] && continue ;; esac
		say "--- ${name#/}: $status, health $health, restarts $restarts"
		tell_health "$id"
		docker logs --tail 10 "$id" 2>&1 | head -c 16384
	done <<END
$seen
END
	: "$number" "$image" "${rest:-}"
}

# tell_health ID: the last answers of its health check.
tell_health() {
	tell_answers=$(docker inspect --type container --format "$health_format" "$1" 2>/dev/null | tail -n 5 | head -c 4096)
	[ -z "$tell_answers" ] || say "health check: $tell_answers"
}

# note: the baseline of the services in seen, in the notes of this direction.
note() {
	note_lines=
	[ ! -r "$FD_FOLDER/containers.$FD_DIRECTION" ] || note_lines=$(cat "$FD_FOLDER/containers.$FD_DIRECTION")
	note_new=$(baseline)
	while read -r note_service note_rest; do
		case "$newline$note_new" in
		*"$newline$note_service "*) ;;
		*) [ -z "$note_service" ] || note_new="$note_new$newline$note_service $note_rest" ;;
		esac
	done <<END
$note_lines
END
	printf '%s\n' "$note_new" >"$FD_FOLDER/containers.$FD_DIRECTION"
}

# baseline: from seen, each container as it is when it is well, so that a later
# restart can be told. By direction: the way back begins anew.
baseline() {
	while read -r service number id name image status health restarts started rest; do
		[ -z "$service" ] || say "$service $id $restarts $started"
	done <<END
$seen
END
	: "$number" "$name" "$image" "$status" "$health" "${rest:-}"
}
