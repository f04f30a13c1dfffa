# shellcheck shell=sh
# The three lists of an operation, from its beginning to an outcome. A part of
# runner.sh.

# prepare: what both the runner and a supervisor that takes over need.
prepare() {
	FD_OPERATION=$operation
	FD_FOLDER=$(cd -P .. && pwd -P)/$id
	IFS= read -r prepare_claim <claim
	number_of first "$prepare_claim" && FD_FIRST=$value
	[ "$FD_FIRST" != 0 ] || FD_FIRST=$operation
	number_of passed_lock "$prepare_claim" && passed_lock=${value#0}
	export FD_OPERATION FD_FOLDER FD_FIRST
	first_word grace
	grace=${first_word:-10}
	first_word on_failure
	on_failure=${first_word:-stay}
	set_changes_from .
	[ -p gate ] || mkfifo gate || return 1
	# Read and write: opening does not wait, and a reader sees the end when
	# this process is gone.
	exec 9<>gate
	recovering=no
	if [ -r recovers ]; then
		recovering=yes
		read -r wish_id wish_choice wish_again <recovers
	fi
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
	step_failure=stops
	step_reported=
	closing_told=
	closing_began=' '
}

# from_journal: what a journal that has been read tells of this operation.
from_journal() {
	times=$journal_times
	cancelled=$journal_cancel
	failed=$journal_failed
	failed_exit=$journal_failed_exit
	failed_why=$journal_failed_why
	closing_told=$journal_told
	closing_began=$journal_closing
	has_changed
}

# has_changed: sets changed from the journal that was read last.
has_changed() {
	changed=false
	[ -z "$journal_changed" ] || changed=true
	case $journal_began in *" $changes_from "*) changed=true ;; esac
}

# first_word FILE: sets first_word, empty where there is none.
first_word() {
	first_word=
	[ ! -r "$1" ] || read -r first_word first_rest <"$1"
	: "${first_rest:-}"
}

# set_changes_from FOLDER
set_changes_from() {
	first_word "$1/changes_from"
	[ -e "$1/changes_from" ] || first_word "$1/forward/steps"
	changes_from=$first_word
}

operate() {
	prepare || return 1
	[ "$recovering" = yes ] || : >>journal.jsonl
	: >>output.log
	now
	started=$now
	if ! dd if=/dev/zero of=reserve bs=1024 count=64 2>/dev/null; then
		rm -f reserve
		if [ "$recovering" = no ]; then
			failed_why=disk
			conclude refused
			return
		fi
	fi
	sweep
	if [ "$recovering" = yes ]; then
		recover
		return
	fi
	if ! journal '"event":"begin","direction":"forward"'; then
		failed_why=disk
		conclude refused
		return
	fi
	basis || return 0
	if forward ' '; then
		conclude succeeded
	else
		return_to_hold
	fi
}

# sweep: uploads that died on their way. Nobody takes a day for one.
sweep() {
	for sweep_entry in ../.new-*; do
		[ -d "$sweep_entry" ] || continue
		[ -z "$(find "$sweep_entry" -prune -mtime +0)" ] || rm -rf "$sweep_entry"
	done
}

# basis: whether it holds; where it does not, the operation has ended.
basis() {
	[ -r basis.sh ] || return 0
	step_failure=stops
	run_step forward basis 60 yes ./basis.sh basis.difference
	[ "$step_exit" != 0 ] || return 0
	failed=basis
	failed_exit=$step_exit
	failed_why=$step_why
	if [ "$step_why" = cancel ]; then
		see_cancel
		conclude cancelled
	else
		conclude refused
	fi
	return 1
}

see_cancel() {
	cancelled=yes
	journal '"event":"cancel"'
}

# forward DONE: every step in turn but those that held already; false where one
# failed or somebody cancelled.
forward() {
	while read -r step limit interruptible again failure; do
		: "$again"
		case $1 in *" $step "*) continue ;; esac
		if [ -e cancel ]; then
			# It never began, and says nothing of the release.
			failed=$step
			failed_why=cancel
			see_cancel
			return 1
		fi
		if [ "$unwritten" = yes ]; then
			failed=$step
			failed_why=disk
			return 1
		fi
		[ "$step" != "$changes_from" ] || changed=true
		step_failure=${failure:-stops}
		run_step forward "$step" "$limit" "$interruptible" "forward/$step.sh"
		[ "$step_exit" != 0 ] || continue
		if [ -n "$step_reported" ]; then
			note reported "$step" forward
			continue
		fi
		failed=$step
		failed_exit=$step_exit
		failed_why=$step_why
		[ "$step_why" != cancel ] || see_cancel
		return 1
	done <forward/steps
}

# return_to_hold: after a failure or a cancel; ends the operation.
return_to_hold() {
	return_outcome=went_back
	[ -z "$cancelled" ] || return_outcome=cancelled
	if [ "$changed" = false ]; then
		conclude "$return_outcome"
	elif [ "$on_failure" != back ]; then
		conclude stuck
	elif back ' '; then
		conclude "$return_outcome"
	else
		conclude stuck
	fi
}

# back DONE: converges on the release before; DONE are the steps that held already.
back() {
	journal '"event":"begin","direction":"back"'
	while read -r step limit interruptible again failure; do
		case $1 in *" $step "*) continue ;; esac
		if [ "$step" = "${back_open:-}" ] && [ "$again" = ask ]; then
			back_failed=$step
			back_why=ask
			return 1
		fi
		# Nothing cancels the way back.
		: "$interruptible"
		step_failure=${failure:-stops}
		run_step back "$step" "$limit" no "back/$step.sh"
		[ "$step_exit" != 0 ] || continue
		if [ -n "$step_reported" ]; then
			note reported "$step" back
			continue
		fi
		back_failed=$step
		back_exit=$step_exit
		back_why=$step_why
		return 1
	done <back/steps
}

# conclude OUTCOME: the operation has come to it. Whoever is to hear of that hears
# while the claim is still held; what fails in it changes nothing any more.
conclude() {
	if [ -s closing/steps ]; then closing "$1"; fi
	# What succeeded over interrupted operations has recovered them, and a
	# recovery answers for the one that it has taken up, however it ends.
	case $recovering:$1 in
	*:refused) ;;
	*:succeeded | yes:*) settle ;;
	esac
	rotate_ledger
	finish "$1"
}

# closing OUTCOME
closing() {
	closing_done=' '
	[ "$closing_told" != "$1" ] || closing_done=$closing_began
	FD_OUTCOME=$1
	FD_STEP=$failed
	FD_CHANGED=$changed
	export FD_OUTCOME FD_STEP FD_CHANGED
	journal "\"event\":\"begin\",\"direction\":\"closing\",\"outcome\":\"$1\""
	while read -r step limit interruptible again failure; do
		: "$interruptible" "$again" "$failure"
		case $closing_done in *" $step "*) continue ;; esac
		step_failure=reported
		run_step closing "$step" "$limit" no "closing/$step.sh"
		[ -z "$step_reported" ] || note reported "$step" closing
	done <closing/steps
}
