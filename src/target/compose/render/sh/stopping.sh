# shellcheck shell=sh
# Containers that were told to stop by a step that was killed. The Engine goes on
# stopping a container without whoever asked for it, for as long as that one may take;
# until it has ended it runs, healthy, and neither Compose nor docker start would touch
# it. So what stops containers writes down before which of them it may stop, and what
# wants them to run looks, where that was left lying, until they stay.

# stopping_begins: sets doubtful to what was left lying, and writes down what runs.
stopping_begins() {
	stopping_left
	docker ps -q --no-trunc --filter "label=com.docker.compose.project=$project" \
		>"$FD_FOLDER/stopping.$FD_DIRECTION" || [ "$FD_DIRECTION" = back ] ||
		fail 'cannot write down what may be stopped: see above'
}

stopping_left() {
	now
	doubtful_since=$now
	doubtful=$(cat "$FD_FOLDER"/../*/stopping.* 2>/dev/null)
}

# stopping_ends: all came as it was to come. What belongs to another user stays, and
# costs the next one a look.
stopping_ends() {
	rm -f "$FD_FOLDER"/../*/stopping.* 2>/dev/null
	return 0
}

stop_format='{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.Status}} {{with .Config.StopTimeout}}{{.}}{{else}}10{{end}}'

# settle START SERVICE...: until none of their doubtful containers can end any more
# because it was told to. START starts again what has ended.
settle() {
	settle_start=$1
	shift
	settle_said=
	while [ -n "$doubtful" ]; do
		# One that has gone since is an error for docker, and not for us.
		# shellcheck disable=SC2086 # the IDs are to be split
		settle_lines=$(docker inspect --type container --format "$stop_format" $doubtful 2>/dev/null)
		doubtful=
		settle_ended=
		now
		while read -r service id status seconds; do
			case " $* " in *" $service "*) ;; *) continue ;; esac
			if [ "$status" != running ]; then
				settle_ended=yes
			elif [ "$now" -le "$((doubtful_since + seconds))" ]; then
				doubtful="$doubtful $id"
			fi
		done <<END
$settle_lines
END
		if [ -n "$settle_ended" ]; then
			say 'what a killed step had told to stop has ended: starting it again'
			$settle_start
		elif [ -n "$doubtful" ]; then
			[ -n "$settle_said" ] || say 'a killed step may have told it to stop: looking whether it stays'
			settle_said=yes
			sleep 1
		fi
	done
}
