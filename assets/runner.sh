# The runner of an operation, format version 1. POSIX sh; newer.sh, claim.sh,
# ledger.sh and the parts in runner/ are laid before it in the same file. It needs setsid, mkfifo, and
# the usual cat, cp, date, dd, find, grep, head, ln, mkdir, mv, readlink, rm, sed,
# sleep, sort, sync, tail, tr, wc. It knows nothing of docker: the steps do.
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
#   forward/steps     a line a step: id limit(s) interruptible(yes|no)
#                     again(safe|probe|ask) failure(stops|reported). reported: its
#                     failure is noted, and the list goes on; missing: stops
#   forward/<id>.sh   the steps; cwd is the folder; with FD_OPERATION (number),
#   back/…            FD_FIRST (the first operation of a chain of recoveries, else
#   closing/…         the same number), FD_FOLDER (absolute), FD_DIRECTION
#                     (forward|back|closing). closing may be missing: it runs once
#                     there is an outcome, the claim still held, with FD_OUTCOME,
#                     FD_STEP (the step that decided; may be empty) and FD_CHANGED
#                     (true|false: whether anything had been changed); nothing cancels
#                     it, its failures are noted and change nothing
#   changes_from      the first forward step that changes anything; empty: none
#                     does; missing: the first does
#   on_failure        back | stay
#   passes            words, a line each: interrupted, lock, orphaned. What this
#                     operation may be started over; may be missing. Of a recovery
#                     also unknown: an operator has looked, and nothing of it lives
#   grace             seconds from TERM to KILL; 10 where missing
#   results/<name>    written by steps: [a-z_]+ holding one line of
#                     [A-Za-z0-9 ._:/@+,-]; goes into the ledger line. The runner's
#                     own: reported and skipped, steps with commas between
#   secrets/          removed when the operation has ended
#   cancel            put there by anybody: asks to cancel; one line of JSON, who and why
# A RECOVERY has only who.json, record.json, recovers, runner.sh and perhaps passes
# (lock, unknown); all else it takes from the operation that it recovers:
#   recovers          <six digits> <resume|back|abandon> <ask|again|skip>. resume goes
#                     on in the list in which that one was, with the step at which it
#                     stopped, or from the first where it had gone back; where its
#                     outcome was known, with what of closing had not begun; back
#                     converges on the release before; abandon runs forward/observe.sh
#                     and nothing else. The last word is for a step whose second run
#                     has to be asked for: skip counts it as done
#                     That operation has to be the newest that counts: nothing after
#                     it has changed what runs. What of it still runs is ended first.
# WRITTEN HERE:
#   claim             who.json + ,"nonce":"…","pid":…,"pid_start":…,"supervisor":…,
#                     "supervisor_start":…,"boot":"…","namespace":"…","over":…,
#                     and if so "passed_lock":…, "first":… (of a recovery, as
#                     FD_FIRST); then "at":…}
#                     hard-linked to claims/<six digits>. over: the claim not yet
#                     settled (a lock, an interrupted operation) that it passed;
#                     passed_lock: likewise, the lock that it passed, which stands
#                     until it is unlocked
#   journal.jsonl     lines {"v":1,"at":<seconds>,"event":…}:
#     recovers        before anything else: operation, choice, list (forward|back, or
#                     closing where only that remains), step (where it stopped; may
#                     be missing), broken (whether that step's end was never seen),
#                     changed, basis (look|skip), cancelled, told (the outcome that its closing steps heard),
#                     failed, failed_exit, failed_why (the forward step that failed),
#                     back_failed (the step back that did, where only closing remains)
#     held            direction, step (and skipped): held in the recovered operation
#     begin           direction; of closing also outcome
#     step_start      direction, step, group, group_start, offset
#     step_end        direction, step, exit (null: not known), offset, and why
#                     (limit | cancel | signal) where it did not end by itself, and
#                     reported where it failed and the list goes on. One of closing
#                     that never started here failed, or was broken off, in the
#                     operation that this one recovers
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
#                     "outcome":…, the same others, if so "passed_lock" and
#                     "cancelled_by": what cancel says of whoever was heard,
#                     "times":{"<id>":<seconds>},"results":{…}}; a step of another
#                     list is "back/<id>". See ledger.sh
# OUTCOMES: succeeded, went_back (to where it was: also when nothing had been
# changed), cancelled (likewise, at somebody's wish), refused (by the basis, or
# because the disk is full), stuck (in between, or failed on the way back: an
# operator must come), abandoned. interrupted is written by who recovers.
# THE LINE ON STANDARD OUTPUT:
#   {"started":42}
#   {"refused":WORD,"operation":41,"claim":{…}} with WORD
#     held         its holder lives
#     orphaned     its runner is gone, its step runs on
#     unknown      whether its holder lives cannot be seen from here
#     interrupted  it died half-way; and "direction", "step"
#     lock         locked by hand
#     format       by a newer format; and "file" (see newer.sh). Of the ledger "claim"
#                  is its line, and the operation 0
#   and of a recovery also
#     superseded   this newer one has been since
#     ask          an operator has to say whether "direction", "step" runs again
#     ended        it ended well: there is nothing to recover
#     missing      there is no such operation (any more)
#     no_way_back  its plan has none
#     owner        its files are another Unix user's alone
#   {"failed":"link"|"rename"|"write"|"overtaken"}
#     overtaken    somebody who could not see that this one lives took the claim
#                  before it had begun
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
		end_whole "$id"
		return
		;;
	esac
	prepare || return 1
	read_journal journal.jsonl
	from_journal
	back_failed=$journal_back_failed
	now
	started=${journal_started:-$now}
	journal '"event":"runner_lost"'
	[ -z "$journal_open" ] || end_open_step
	if [ -n "$journal_outcome" ]; then
		conclude "$journal_outcome"
		return
	fi
	if [ "$journal_choice" = abandon ]; then
		conclude abandoned
		return
	fi
	if [ -n "$journal_back_begun" ]; then
		back_failed=
		back_open=
		if [ -n "$journal_open" ] && [ "$journal_direction" = back ]; then back_open=$journal_step; fi
		if back "$journal_back"; then
			if [ -n "$cancelled" ]; then conclude cancelled; else conclude went_back; fi
		else
			conclude stuck
		fi
		return
	fi
	if [ -z "$failed" ] && [ -z "$cancelled" ] && held_forward; then
		conclude succeeded
		return
	fi
	: "${failed_why:=signal}"
	if [ "$failed" = basis ] && [ -n "$failed_exit" ]; then
		conclude refused
	else
		return_to_hold
	fi
}

# end_open_step: of the runner that was lost.
end_open_step() {
	end_group "$journal_group" "$journal_group_start"
	if [ -n "$journal_closing_open" ]; then
		journal_direction=closing
		journal_step=$journal_closing_open
		step_reported=yes
		note reported "$journal_step" closing
	fi
	step_end "$journal_direction" "$journal_step" null signal
	step_reported=
	add_time "$journal_direction" "$journal_step" $((now - journal_step_at))
	if [ "$journal_direction" = forward ]; then
		failed=$journal_step
		failed_why=signal
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
