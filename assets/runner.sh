# The runner of an operation, format version 1. POSIX sh; claim.sh is laid
# before it in the same file. It needs setsid, mkfifo, and the usual date, ln,
# mkdir, mv, readlink, rm, sleep, sync, tail, wc. It knows nothing of docker:
# the steps do.
#
#   sh ./runner.sh supervise NONCE     in the operation's folder, in a session of
#                                      its own; prints one line (below), then
#                                      closes standard output and goes on
#   sh ./runner.sh lock NONCE          claims and ends: a lock by hand
#
# IN THE FOLDER, laid by the program as operations/.new-NONCE/ and renamed to
# operations/<six digits> once claimed:
#   who.json          '{"v":1,"kind":"promote","operator":…' : the claim's first
#                     part, one line, no closing brace
#   record.json       '{"v":1,"kind":…' : the ledger line's first part, likewise
#   plan.json         for those who follow; never read here
#   basis.sh          prints differences, a line each, what TAB expected TAB found,
#                     and exits with other than 0 if there are any; may be missing
#   forward/steps     a line a step: id limit(s) interruptible(yes|no) again(safe|probe|ask)
#   forward/<id>.sh   the steps; cwd is the folder; with FD_OPERATION (number),
#   back/…            FD_FOLDER (absolute), FD_DIRECTION (forward|back)
#   changes_from      the first forward step that changes anything; empty: none
#                     does; missing: the first does
#   on_failure        back | stay
#   passes            words, a line each: interrupted, lock, orphaned. What this
#                     operation may be started over; may be missing
#   grace             seconds from TERM to KILL; 10 where missing
#   results/<name>    written by steps: [a-z_]+ holding one line of
#                     [A-Za-z0-9 ._:/@+,-]; goes into the ledger line
#   cancel            put there by anybody: asks to cancel
# WRITTEN HERE:
#   claim             who.json + ,"nonce":"…","pid":…,"pid_start":…,"supervisor":…,
#                     "supervisor_start":…,"boot":"…","namespace":"…","over":…,"at":…}
#                     hard-linked to claims/<six digits>. over: the claim not yet
#                     settled (a lock, an interrupted operation) that it passed
#   journal.jsonl     lines {"v":1,"at":<seconds>,"event":…}:
#     begin           direction
#     step_start      direction, step, group, group_start, offset
#     step_end        direction, step, exit (null: not known), offset, and why
#                     (limit | cancel | signal) where it did not end by itself
#     cancel          the wish was seen
#     runner_lost     the supervisor goes on
#     end             as end.json
#                     The basis is the step "basis" of direction forward. offset:
#                     bytes in output.log at that moment
#   basis.difference  what basis.sh printed
#   output.log        everything the steps printed
#   runner.log        what the shell itself complained of
#   end.json          {"v":1,"operation":42,"outcome":…,"changed":true|false,
#                     "started":…,"ended":…} and, where there is one, "step",
#                     "exit", "why" of the failed forward step, "back_step",
#                     "back_exit", "back_why" of the failed step back; put in
#                     place by rename; its being there releases the claim
#   ../../ledger.jsonl   record.json + ,"operation":42,"started":…,"ended":…,
#                     "outcome":…, the same others, "times":{"<id>":<seconds>},
#                     "results":{…}}; a step of the way back is "back/<id>"
# OUTCOMES: succeeded, went_back (to where it was: also when nothing had been
# changed), cancelled (likewise, at somebody's wish), refused (by the basis, or
# because the disk is full), stuck (in between, or failed on the way back: an
# operator must come). interrupted and abandoned are written by who recovers.
# THE LINE ON STANDARD OUTPUT:
#   {"started":42}
#   {"refused":WORD,"operation":41,"claim":{…}} with WORD
#     held         its holder lives
#     orphaned     its runner is gone, its step runs on
#     unknown      whether its holder lives cannot be seen from here
#     interrupted  it died half-way; and "direction", "step"
#     lock         locked by hand
#     format       by a newer format
#   {"failed":"link"|"rename"|"write"}
#
# A refused folder is removed; it was never claimed. Nothing else ever is.

unset CDPATH
LC_ALL=C
root=../..
grace=10

# now: sets now, in seconds, without a process.
now() {
	read -r now_up now_rest <"$proc/uptime"
	: "$now_rest"
	now=$((clock + ${now_up%.*}))
}

set_clock() {
	clock=0
	now
	clock=$(($(date +%s) - now))
}

# pause: a tenth of a second where sleep can, else one.
pause() {
	sleep 0.1 2>/dev/null || sleep 1
}

# ends_whole FILE: whether the next line can be appended as it is.
ends_whole() {
	[ ! -s "$1" ] || [ -z "$(tail -c 1 "$1")" ]
}

# --- the claim ---

# standing ID: walks from the newest claim over what it passed, and sets over to
# the first claim that is not settled (0: none), and refusal, empty if this
# operation may start, and refused_id.
standing() {
	over_first=0
	refusal=
	refused_id=$1
	while [ -n "$refused_id" ]; do
		holder_of "$refused_id"
		standing_over=$over
		case $holder in
		never_began) ;;
		ended)
			# It died while putting this in its place.
			if [ ! -e "$root/operations/$refused_id/end.json" ]; then
				mv "$root/operations/$refused_id/end.new" "$root/operations/$refused_id/end.json"
			fi
			;;
		lock)
			[ "$over_first" != 0 ] || over_first=$(number "$refused_id")
			passes lock || refusal=lock
			;;
		interrupted | orphaned)
			if [ "$holder" = orphaned ]; then
				if passes orphaned; then end_group "$journal_group" "$journal_group_start"; fi
				if group_lives "$journal_group" "$journal_group_start"; then refusal=orphaned; fi
			fi
			[ "$over_first" != 0 ] || over_first=$(number "$refused_id")
			[ -n "$refusal" ] || passes interrupted || refusal=interrupted
			;;
		alive) refusal=held ;;
		*) refusal=$holder ;;
		esac
		[ -z "$refusal" ] || break
		[ "$standing_over" != 0 ] || break
		refused_id=$(printf '%06d' "$standing_over")
	done
	over=$over_first
}

# passes WORD: whether the plan may be started over such a claim.
passes() {
	[ -r passes ] || return 1
	while read -r passes_word; do
		[ "$passes_word" = "$1" ] && return 0
	done <passes
	return 1
}

# claim NONCE PID START SUPERVISOR START: sets id (six digits) and operation, or
# prints why not and returns 1.
claim() {
	IFS= read -r claim_who <who.json || [ -n "$claim_who" ] || return 1
	while :; do
		newest_claim
		standing "$newest"
		if [ -n "$refusal" ]; then
			refuse
			return 1
		fi
		operation=$(($(number "${newest:-0}") + 1))
		id=$(printf '%06d' "$operation")
		now
		claim_record="$claim_who,\"nonce\":\"$1\",\"pid\":$2,\"pid_start\":$3,\"supervisor\":$4,\"supervisor_start\":$5,\"boot\":\"$boot\",\"namespace\":\"$namespace\",\"over\":$over,\"at\":$now}"
		printf '%s\n' "$claim_record" >claim
		read -r claim_back <claim
		if [ "$claim_back" != "$claim_record" ]; then
			printf '{"failed":"write"}\n'
			return 1
		fi
		ln claim "$root/claims/$id" 2>/dev/null && break
		if ! read -r claim_other <"$root/claims/$id"; then
			printf '{"failed":"link"}\n'
			return 1
		fi
		# A link over a network may be made and yet be said to have failed.
		[ "$claim_other" != "$claim_record" ] || break
	done
	if [ -e "../$id" ] || ! mv "../.new-$1" "../$id"; then
		printf '{"failed":"rename"}\n'
		return 1
	fi
	# Some shells remember what the folder was called.
	cd -P "../$id" || return 1
	printf '{"started":%s}\n' "$operation"
	return 0
}

refuse() {
	refuse_more=
	if [ "$refusal" = interrupted ] && [ -n "$journal_step" ]; then
		refuse_more=",\"direction\":\"$journal_direction\",\"step\":\"$journal_step\""
	fi
	printf '{"refused":"%s","operation":%s%s,"claim":%s}\n' \
		"$refusal" "$(number "$refused_id")" "$refuse_more" "${claim:-null}"
}

# --- writing ---

# journal TEXT: appends a line. Once one could not be written, no forward step
# begins any more; the way back is never forbidden, and gets the reserve.
journal() {
	now
	journal_line="{\"v\":1,\"at\":$now,$1}"
	if [ "$torn" = no ]; then
		printf '%s\n' "$journal_line" >>journal.jsonl && return 0
	else
		printf '\n%s\n' "$journal_line" >>journal.jsonl && torn=no && return 0
	fi
	unwritten=yes
	torn=yes
	rm -f reserve
	printf '\n%s\n' "$journal_line" >>journal.jsonl && torn=no
	return 1
}

offset() {
	offset=$(wc -c <output.log)
	offset=$((offset))
}

# --- steps ---

# end_group GROUP START [quiet]: ends what is left of a step: TERM (unless quiet:
# it has had one, and compose takes a second one as an order to drop everything),
# and KILL after the grace.
end_group() {
	is_group "$1" && kill -0 "-$1" 2>/dev/null || return 0
	[ "${3:-}" = quiet ] || kill -TERM "-$1" 2>/dev/null
	now
	end_until=$((now + grace))
	while kill -0 "-$1" 2>/dev/null && group_lives "$1" "$2"; do
		now
		if [ "$now" -ge "$end_until" ]; then
			kill -KILL "-$1" 2>/dev/null
			# Nothing outlives this but what the kernel itself holds.
			[ "$now" -lt "$((end_until + grace))" ] || return 0
		fi
		pause
	done
}

# watch GROUP START LIMIT INTERRUPTIBLE: the watchdog of one step. Asked to end it says
# by its exit code what it has done: 10 limit, 11 cancel, 0 nothing. It needs no
# runner: the limit holds also for a step that has outlived its own.
watch() {
	watch_code=0
	trap 'exit $watch_code' TERM
	now
	watch_until=$((now + $3))
	# The leader is looked at first: its group is there only once it has run setsid.
	while process_lives "$1" "$2" || group_lives "$1" "$2"; do
		sleep 1 &
		wait $!
		now
		if [ "$now" -ge "$watch_until" ]; then
			if [ "$watch_code" != 0 ]; then
				kill -KILL "-$1" 2>/dev/null
				break
			fi
			watch_code=10
		elif [ "$watch_code" = 0 ] && [ "$4" = yes ] && [ -e cancel ]; then
			watch_code=11
		else
			continue
		fi
		kill -TERM "-$1" 2>/dev/null
		watch_until=$((now + grace))
	done
	exit $watch_code
}

# The step's shell waits for a line with its own number, so that its group is in
# the journal before it begins. The gate is held open by the runner alone: if that
# dies, the line never comes, and the step never begins.
# shellcheck disable=SC2016 # for that shell to expand
step_shell='
while read -r token; do
	if [ "$token" = "$$" ]; then
		[ -z "$2" ] || exec >"$2"
		exec sh "$1" </dev/null
	fi
done
exit 125'

# run_step DIRECTION ID LIMIT INTERRUPTIBLE SCRIPT [OUTPUT]: sets step_exit and
# step_why; step_exit is 125 where the step was not begun.
run_step() {
	step_why=
	FD_DIRECTION=$1
	export FD_DIRECTION
	setsid sh -c "$step_shell" step "$5" "${6:-}" <gate >>output.log 2>&1 9>&- &
	step_group=$!
	step_start=0
	process_stat "$step_group" && step_start=$process_start
	offset
	if ! journal "\"event\":\"step_start\",\"direction\":\"$1\",\"step\":\"$2\",\"group\":$step_group,\"group_start\":$step_start,\"offset\":$offset"; then
		if [ "$1" = forward ]; then
			kill -KILL "$step_group" 2>/dev/null
			wait "$step_group"
			step_exit=125
			step_why=disk
			step_end "$1" "$2" "$step_exit" "$step_why"
			return
		fi
	fi
	now
	step_began=$now
	(
		exec 9>&-
		watch "$step_group" "$step_start" "$3" "$4"
	) &
	step_watch=$!
	printf '%s\n' "$step_group" >&9
	wait "$step_group"
	step_exit=$?
	kill -TERM "$step_watch" 2>/dev/null
	# One that had not begun yet ends without a word of its own, and not silently.
	{ wait "$step_watch"; } 2>/dev/null
	case $? in
	10) step_why=limit ;;
	11) step_why=cancel ;;
	esac
	# What a step left running must not meet the next one.
	end_group "$step_group" "$step_start" ${step_why:+quiet}
	[ "$step_exit" != 0 ] || step_why=
	step_end "$1" "$2" "$step_exit" "$step_why"
	add_time "$1" "$2" $((now - step_began))
}

# add_time DIRECTION ID SECONDS
add_time() {
	times_key=$2
	[ "$1" = forward ] || times_key=back/$2
	times="$times,\"$times_key\":$3"
}

# step_end DIRECTION ID EXIT WHY
step_end() {
	offset
	journal "\"event\":\"step_end\",\"direction\":\"$1\",\"step\":\"$2\",\"exit\":$3,\"offset\":$offset${4:+,\"why\":\"$4\"}"
}

# --- the operation ---

# prepare: what both the runner and a supervisor that takes over need.
prepare() {
	FD_OPERATION=$operation
	FD_FOLDER=$(cd -P .. && pwd -P)/$id
	export FD_OPERATION FD_FOLDER
	first_word grace
	grace=${first_word:-10}
	first_word on_failure
	on_failure=${first_word:-stay}
	set_changes_from
	[ -p gate ] || mkfifo gate || return 1
	# Read and write: opening does not wait, and a reader sees the end when
	# this process is gone.
	exec 9<>gate
	changed=false
	unwritten=no
	torn=no
	ends_whole journal.jsonl || torn=yes
	cancelled=
	failed=
	failed_exit=
	failed_why=
	back_failed=
	back_exit=
	back_why=
	times=
}

# first_word FILE: sets first_word, empty where there is none.
first_word() {
	first_word=
	[ ! -r "$1" ] || read -r first_word first_rest <"$1"
	: "${first_rest:-}"
}

set_changes_from() {
	first_word changes_from
	[ -e changes_from ] || first_word forward/steps
	changes_from=$first_word
}

operate() {
	prepare || return 1
	: >>journal.jsonl
	: >>output.log
	now
	started=$now
	if ! dd if=/dev/zero of=reserve bs=1024 count=64 2>/dev/null ||
		! journal '"event":"begin","direction":"forward"'; then
		rm -f reserve
		failed_why=disk
		finish refused
		return
	fi
	if [ -r basis.sh ]; then
		run_step forward basis 60 yes ./basis.sh basis.difference
		if [ "$step_exit" != 0 ]; then
			failed=basis
			failed_exit=$step_exit
			failed_why=$step_why
			if [ "$step_why" = cancel ]; then
				see_cancel
				finish cancelled
			else
				finish refused
			fi
			return
		fi
	fi
	if forward; then
		settle
		finish succeeded
	else
		return_to_hold
	fi
}

see_cancel() {
	cancelled=yes
	journal '"event":"cancel"'
}

# forward: every step in turn; false where one failed or somebody cancelled.
forward() {
	while read -r step limit interruptible again; do
		: "$again"
		if [ -e cancel ]; then
			failed=$step
			see_cancel
			return 1
		fi
		if [ "$unwritten" = yes ]; then
			failed=$step
			failed_why=disk
			return 1
		fi
		[ "$step" != "$changes_from" ] || changed=true
		run_step forward "$step" "$limit" "$interruptible" "forward/$step.sh"
		if [ "$step_exit" != 0 ]; then
			failed=$step
			failed_exit=$step_exit
			failed_why=$step_why
			[ "$step_why" != cancel ] || see_cancel
			return 1
		fi
	done <forward/steps
}

# return_to_hold: after a failure or a cancel; ends the operation.
return_to_hold() {
	return_outcome=went_back
	[ -z "$cancelled" ] || return_outcome=cancelled
	if [ "$changed" = false ]; then
		finish "$return_outcome"
	elif [ "$on_failure" != back ]; then
		finish stuck
	elif back ' '; then
		finish "$return_outcome"
	else
		finish stuck
	fi
}

# back DONE: converges on the release before; DONE are the steps that held already.
back() {
	journal '"event":"begin","direction":"back"'
	while read -r step limit interruptible again; do
		case $1 in *" $step "*) continue ;; esac
		if [ "$step" = "${back_open:-}" ] && [ "$again" = ask ]; then
			back_failed=$step
			back_why=ask
			return 1
		fi
		# Nothing cancels the way back.
		: "$interruptible"
		run_step back "$step" "$limit" no "back/$step.sh"
		if [ "$step_exit" != 0 ]; then
			back_failed=$step
			back_exit=$step_exit
			back_why=$step_why
			return 1
		fi
	done <back/steps
}

# results: sets results to the JSON of what the steps left in results/.
results() {
	results=
	for results_file in results/*; do
		[ -f "$results_file" ] || continue
		results_name=${results_file#results/}
		case $results_name in *[!a-z_]*) continue ;; esac
		results_text=
		results_more=
		{
			IFS= read -r results_text
			IFS= read -r results_more
		} <"$results_file"
		[ -z "$results_more" ] || continue
		case $results_text in '' | *[!A-Za-z0-9\ ._:/@+,-]*) continue ;; esac
		results="$results,\"$results_name\":\"$results_text\""
	done
}

# finish OUTCOME: the journal's last line, the ledger's line, then end.json. The
# ledger comes first, and end.json lies complete beside its place: whoever finds
# the line of an operation that died between the two knows that it has ended.
finish() {
	now
	# The step's own exit code is not known where the runner was lost.
	end_more="\"outcome\":\"$1\",\"changed\":$changed"
	end_more="$end_more${failed:+,\"step\":\"$failed\"}${failed_exit:+,\"exit\":$failed_exit}${failed_why:+,\"why\":\"$failed_why\"}"
	end_more="$end_more${back_failed:+,\"back_step\":\"$back_failed\"}${back_exit:+,\"back_exit\":$back_exit}${back_why:+,\"back_why\":\"$back_why\"}"
	end_when="\"operation\":$operation,\"started\":$started,\"ended\":$now"
	results
	record='{"v":1'
	IFS= read -r record <record.json || [ -n "$record" ] || record='{"v":1'
	ledger_line="$record,$end_when,$end_more,\"times\":{${times#,}},\"results\":{${results#,}}}"
	[ "$unwritten" = no ] || rm -f reserve
	journal "\"event\":\"end\",$end_more"
	if ! write_end; then
		rm -f reserve
		write_end
	fi
	if ! write_ledger; then
		rm -f reserve
		write_ledger
	fi
	sync "$root/ledger.jsonl" end.new
	# Half a file is not put in its place: without end.json the operation counts
	# as interrupted, and somebody looks.
	read -r end_back <end.new
	[ "$end_back" = "{\"v\":1,$end_when,$end_more}" ] && mv end.new end.json
	rm -f reserve gate
}

# settle: what succeeded over interrupted operations has recovered them, and
# writes their end, each at the step where it stopped.
settle() {
	holder_of "$id"
	while [ "$over" != 0 ]; do
		settled=$(printf '%06d' "$over")
		holder_of "$settled"
		[ "$holder" = interrupted ] || continue
		(
			cd "../$settled" || exit
			read_journal journal.jsonl
			set_changes_from
			changed=false
			case $journal_began in *" $changes_from "*) changed=true ;; esac
			operation=$(number "$settled")
			now
			started=${journal_started:-$now}
			failed=$journal_failed
			failed_exit=$journal_failed_exit
			failed_why=$journal_failed_why
			if [ "$journal_direction" = forward ] && [ -n "$journal_open" ]; then
				failed=$journal_step
			fi
			times=$journal_times
			torn=no
			ends_whole journal.jsonl || torn=yes
			finish interrupted
		)
	done
}

write_end() {
	printf '%s\n' "{\"v\":1,$end_when,$end_more}" >end.new
}

write_ledger() {
	if ends_whole "$root/ledger.jsonl"; then
		printf '%s\n' "$ledger_line" >>"$root/ledger.jsonl"
	else
		printf '\n%s\n' "$ledger_line" >>"$root/ledger.jsonl"
	fi
}

# --- the three processes ---

# run NONCE SUPERVISOR START: the runner. Exits with 0 once the operation has
# ended, 3 if it was not claimed; anything else means that it died.
run() {
	here
	set_clock
	process_stat self || process_start=0
	# Whoever waits for the line may be gone: that is no reason to die.
	trap : PIPE
	if ! claim "$1" $$ "$process_start" "$2" "$3"; then
		exec >/dev/null
		rm -rf "../.new-$1"
		exit 3
	fi
	trap - PIPE
	exec >/dev/null
	operate
}

# supervise NONCE: waits for the runner, and takes over where it was killed.
supervise() {
	process_stat self || process_start=0
	sh ./runner.sh run "$1" $$ "$process_start" </dev/null &
	supervised=$!
	exec >/dev/null
	wait "$supervised"
	case $? in
	0 | 3) ;;
	*) take_over "$1" ;;
	esac
}

take_over() {
	newest_claim
	[ -n "$newest" ] || return 0
	read -r claim <"$root/claims/$newest"
	value nonce "$claim"
	# Nobody else can claim while this process lives.
	if [ "$value" != "$1" ]; then
		rm -rf "../.new-$1"
		return 0
	fi
	id=$newest
	operation=$(number "$id")
	[ -d "../$id" ] || mv "../.new-$1" "../$id"
	cd -P "../$id" || return 1
	[ ! -e end.json ] || return 0
	here
	set_clock
	holder_ledger=$(tail -n 1 "$root/ledger.jsonl" 2>/dev/null)
	case $holder_ledger in
	*"\"operation\":$operation,\"started\":"*'}')
		mv end.new end.json
		return
		;;
	esac
	prepare || return 1
	read_journal journal.jsonl
	now
	started=${journal_started:-$now}
	times=$journal_times
	cancelled=$journal_cancel
	failed=$journal_failed
	failed_exit=$journal_failed_exit
	failed_why=$journal_failed_why
	case $journal_began in *" $changes_from "*) changed=true ;; esac
	journal '"event":"runner_lost"'
	if [ -n "$journal_open" ]; then
		end_group "$journal_group" "$journal_group_start"
		step_end "$journal_direction" "$journal_step" null signal
		add_time "$journal_direction" "$journal_step" $((now - journal_step_at))
		if [ "$journal_direction" = forward ]; then
			failed=$journal_step
			failed_why=signal
		fi
	fi
	if [ -n "$journal_back_begun" ]; then
		back_open=
		if [ -n "$journal_open" ] && [ "$journal_direction" = back ]; then back_open=$journal_step; fi
		if back "$journal_back"; then
			if [ -n "$cancelled" ]; then finish cancelled; else finish went_back; fi
		else
			finish stuck
		fi
		return
	fi
	if [ -z "$failed" ] && [ -z "$cancelled" ] && held_forward; then
		settle
		finish succeeded
		return
	fi
	: "${failed_why:=signal}"
	if [ "$failed" = basis ] && [ -n "$failed_exit" ]; then
		finish refused
	else
		return_to_hold
	fi
}

# held_forward: whether every forward step held before the runner died.
held_forward() {
	while read -r step limit; do
		: "$limit"
		case $journal_forward in *" $step "*) ;; *) return 1 ;; esac
	done <forward/steps
}

# lock NONCE: a claim with a message and no process.
lock() {
	here
	set_clock
	if ! claim "$1" 0 0 0 0; then
		rm -rf "../.new-$1"
		exit 3
	fi
}

case ${1:-} in
supervise) supervise "$2" ;;
run) run "$2" "$3" "$4" ;;
lock) lock "$2" ;;
*)
	echo 'runner.sh: supervise NONCE, or lock NONCE' >&2
	exit 2
	;;
esac
