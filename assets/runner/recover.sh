# shellcheck shell=sh
# Recovery: goes on with an operation that stopped half-way, from that one's own
# folder. A part of runner.sh.

# recoverable: sets wish_id, wish_choice and wish_again from the file recovers, and
# refusal (with refused_id and claim) unless that operation is the newest that
# counts: nothing after it has changed what runs.
recoverable() {
	read -r wish_id wish_choice wish_again <recovers
	case $wish_id:$wish_choice:$wish_again in
	[0-9][0-9][0-9][0-9][0-9][0-9]:resume:*) ;;
	[0-9][0-9][0-9][0-9][0-9][0-9]:back:*) ;;
	[0-9][0-9][0-9][0-9][0-9][0-9]:abandon:*) ;;
	*) wish_id=000000 ;;
	esac
	refused_id=$wish_id
	claim=
	holder=
	if [ ! -e "$root/claims/$wish_id" ] || [ ! -e "$root/operations/$wish_id/forward/steps" ]; then
		refusal=missing
		[ ! -e "$root/claims/$wish_id" ] || holder_of "$wish_id"
		[ "$holder" != lock ] || refusal=lock
		return
	fi
	recoverable_newest=
	for recoverable_entry in "$root"/claims/[0-9][0-9][0-9][0-9][0-9][0-9]; do
		recoverable_newest="${recoverable_entry##*/} $recoverable_newest"
	done
	for refused_id in $recoverable_newest; do
		holder_of "$refused_id"
		ended_as "$refused_id"
		if [ "$refused_id" = "$wish_id" ]; then
			held_by "$wish_id"
			case $holder:$ended_outcome in
			alive:*) refusal=held ;;
			interrupted:* | orphaned:*) ;;
			ended:stuck | ended:interrupted) ;;
			ended:went_back | ended:cancelled | ended:abandoned)
				[ "$wish_choice" != abandon ] || refusal=ended
				;;
			ended:* | never_began:*) refusal=ended ;;
			*) refusal=$holder ;;
			esac
			return
		fi
		case $holder in
		never_began | unbegun) ;;
		alive) refusal=held ;;
		lock) passes lock || refusal=lock ;;
		ended) ! counts || refusal=superseded ;;
		interrupted | orphaned) refusal=superseded ;;
		*) refusal=$holder ;;
		esac
		[ -z "$refusal" ] || return 0
	done
}

# ended_as ID: sets ended_outcome and ended_changed, from what lies in end.json or
# was about to.
ended_as() {
	ended_line=
	for ended_name in end.json end.new; do
		if [ -z "$ended_line" ] && [ -r "$root/operations/$1/$ended_name" ]; then
			read -r ended_line <"$root/operations/$1/$ended_name"
		fi
	done
	word_of changed "$ended_line" && ended_changed=$value
	word_of outcome "$ended_line" && ended_outcome=$value
}

# counts: whether an ended operation has made what was before it a thing of the past,
# as whatever may have changed what runs does: claim, ended_outcome and ended_changed
# are its.
counts() {
	value kind "$claim"
	case $value in lock | mark_bad | backup | clean_up) return 1 ;; esac
	case $ended_outcome:$ended_changed in
	refused:* | went_back:false | cancelled:false) return 1 ;;
	esac
}

# look_back: what the former operation has come to. Sets former, first, ended_outcome,
# all that read_journal and where_it_stopped set, and refusal where it cannot be
# taken up as is wished.
look_back() {
	former=$root/operations/$wish_id
	refused_id=$wish_id
	holder_of "$wish_id"
	number_of first "$claim" && first=$value
	[ "$first" != 0 ] || first=$(number "$wish_id")
	ended_as "$wish_id"
	read_journal "$former/journal.jsonl"
	set_changes_from "$former"
	has_changed
	where_it_stopped
	for look_file in "$former"/attachments/* "$former"/secrets/* "$former"/secrets/*/*; do
		[ ! -e "$look_file" ] || [ -r "$look_file" ] || refusal=owner
	done
}

# take_up: what the former operation left becomes this one's: its folder, and a
# journal that tells what held there. Sets unwritten where the disk is full.
take_up() {
	look_back
	end_left "$(cd -P .. && pwd -P)/$wish_id"
	unwritten=no
	torn=no
	copy_former || unwritten=yes
	take_journal
}

# where_it_stopped: sets list (forward | back: in which this goes on; closing: the
# outcome was known, and only what comes after it remains), stopped (the
# step to be repeated; empty where it stopped between two), broken (true where that
# step's end was never seen), skipped, anew (yes: from the list's beginning), and
# refusal.
where_it_stopped() {
	anew=no
	broken=false
	skipped=
	stopped=
	list=forward
	case $ended_outcome:$wish_choice:$journal_outcome in
	:resume:?* | interrupted:resume:?*)
		list=closing
		return
		;;
	esac
	[ -z "$journal_back_begun" ] || list=back
	case $ended_outcome:$wish_choice in
	went_back:resume | cancelled:resume)
		list=forward
		anew=yes
		;;
	went_back:back | cancelled:back)
		list=back
		anew=yes
		;;
	*:back)
		[ "$list" = back ] || anew=yes
		list=back
		;;
	esac
	if [ "$list:$changed" = back:true ] && [ "$wish_choice" != abandon ] && [ ! -s "$former/back/steps" ]; then
		refusal=no_way_back
	fi
	[ "$anew" = no ] && [ "$wish_choice" != abandon ] || return 0
	if [ -n "$journal_broken" ] && [ "$journal_direction" = "$list" ]; then
		stopped=$journal_step
		broken=true
	elif [ "$list" = back ]; then
		stopped=$journal_back_failed
	else
		stopped=$journal_failed
	fi
	[ -n "$stopped" ] && [ "$(again_of "$former/$list/steps" "$stopped")" = ask ] || return 0
	case $wish_again in
	again) ;;
	skip)
		skipped=$stopped
		stopped=
		broken=false
		;;
	*) refusal=ask ;;
	esac
}

# again_of FILE STEP: prints what a second run of it means.
again_of() {
	while read -r again_step again_limit again_interruptible again_means again_rest; do
		: "$again_limit" "$again_interruptible" "$again_rest"
		[ "$again_step" != "$2" ] || printf '%s' "$again_means"
	done <"$1"
}

# copy_former: all but what tells of the former operation itself.
copy_former() {
	for copy_entry in "$former"/*; do
		copy_name=${copy_entry##*/}
		case $copy_name in
		claim | who.json | record.json | recovers | passes | cancel | runner.sh | runner.log) continue ;;
		# What was noted of processes and containers to compare them with: they may have
		# been started anew since, and a step that compares would fail for ever.
		containers.* | steady.*) continue ;;
		journal.jsonl | output.log | basis.difference | end.json | end.new | reserve | gate) continue ;;
		*.exit)
			# How something ended that outlived its step is known only once, and
			# nothing to a step that is run anew.
			[ "$broken" = true ] || continue
			;;
		esac
		cp -R "$copy_entry" . || return 1
	done
	rm -f results/healthy
	if [ "$anew" = yes ]; then rm -f results/reported results/skipped; fi
	[ -z "$skipped" ] || note skipped "$skipped" "$list"
}

# take_journal: this operation's journal begins with what held in the former.
take_journal() {
	take_failed=$journal_failed
	take_exit=$journal_failed_exit
	take_why=$journal_failed_why
	take_step=$stopped
	if [ "$wish_choice" = abandon ] || [ "$list" != forward ]; then
		if [ -z "$take_failed" ] && [ -n "$journal_broken" ] && [ "$journal_direction" = forward ]; then
			take_failed=$journal_step
			take_why=signal
		fi
	else
		take_failed=
	fi
	if [ "$wish_choice" = abandon ] && [ "$journal_direction" = "$list" ]; then
		take_step=$journal_step
		[ -z "$journal_broken" ] || broken=true
	fi
	take_changed=$changed
	take_basis=skip
	if [ "$list" = forward ] && [ "$changed" = false ] && [ "$journal_basis" != skip ]; then take_basis=look; fi
	[ "$list:$anew" != forward:yes ] || take_changed=false
	take_cancelled=false
	if [ "$wish_choice" = resume ] && [ "$list" = back ] && [ -n "$journal_cancel" ]; then take_cancelled=true; fi
	take_more=
	if [ -n "$take_failed" ]; then
		take_more=",\"failed\":\"$take_failed\"${take_exit:+,\"failed_exit\":$take_exit}${take_why:+,\"failed_why\":\"$take_why\"}"
	fi
	if [ "$list" = closing ] && [ -n "$journal_back_failed" ]; then
		take_more="$take_more,\"back_failed\":\"$journal_back_failed\""
	fi
	: >journal.jsonl
	journal "\"event\":\"recovers\",\"operation\":$(number "$wish_id"),\"choice\":\"$wish_choice\",\"list\":\"$list\"${take_step:+,\"step\":\"$take_step\"},\"broken\":$broken,\"changed\":$take_changed,\"basis\":\"$take_basis\",\"cancelled\":$take_cancelled${journal_told:+,\"told\":\"$journal_told\"}$take_more"
	if [ "$list:$anew" != forward:yes ]; then take_held forward "$journal_forward"; fi
	case $list:$anew in back:no | closing:no) take_held back "$journal_back" ;; esac
	take_closing
	if [ -n "$skipped" ]; then
		journal "\"event\":\"held\",\"direction\":\"$list\",\"step\":\"$skipped\",\"skipped\":true"
	fi
}

# take_closing: what is done after an outcome is done once. Of a step that was broken
# off nobody knows whether it was: it is not run again, and that is reported.
take_closing() {
	[ -z "$journal_closing_open" ] || note reported "$journal_closing_open" closing
	for take_id in $journal_closing; do
		case " $journal_closing_open$journal_closing_failed" in
		*" $take_id "*)
			journal "\"event\":\"step_end\",\"direction\":\"closing\",\"step\":\"$take_id\",\"exit\":null,\"offset\":0,\"why\":\"signal\",\"reported\":true"
			;;
		*) take_held closing "$take_id" ;;
		esac
	done
}

# take_release: the copies of what was before belong to this operation too.
take_release() {
	[ -d "$root/releases/$wish_id" ] && [ ! -e "$root/releases/$id" ] || return 0
	cp -R "$root/releases/$wish_id" "$root/releases/$id" || rm -rf "$root/releases/$id"
}

# take_held DIRECTION STEPS
take_held() {
	for take_id in $2; do
		journal "\"event\":\"held\",\"direction\":\"$1\",\"step\":\"$take_id\""
	done
}

# end_left FOLDER: ends what steps of that operation's have left running although
# they had put it in a session of its own.
end_left() {
	left=
	for left_entry in "$proc"/[0-9]*; do
		[ -r "$left_entry/environ" ] || continue
		tr '\0' '\n' 2>/dev/null <"$left_entry/environ" | grep -qxF "FD_FOLDER=$1" || continue
		left="$left ${left_entry##*/}"
	done
	[ -n "$left" ] || return 0
	# shellcheck disable=SC2086 # the numbers are to be split
	kill -TERM $left 2>/dev/null
	now
	left_until=$((now + grace))
	for left_process in $left; do
		process_stat "$left_process" || continue
		left_start=$process_start
		while process_lives "$left_process" "$left_start"; do
			now
			if [ "$now" -ge "$left_until" ]; then
				kill -KILL "$left_process" 2>/dev/null
				[ "$now" -lt "$((left_until + grace))" ] || break
			fi
			pause
		done
	done
}

# recover: runs a recovery, from what its journal begins with, to an outcome.
recover() {
	take_release
	read_journal journal.jsonl
	from_journal
	case $journal_choice:$journal_list in
	abandon:*) abandon ;;
	*:closing)
		back_failed=$journal_back_failed
		conclude "$journal_outcome"
		;;
	*:back)
		return_outcome=went_back
		[ -z "$cancelled" ] || return_outcome=cancelled
		if [ "$changed" = false ] || back "$journal_back"; then
			conclude "$return_outcome"
		else
			conclude stuck
		fi
		;;
	*)
		recover_held=$journal_forward
		failed=
		failed_exit=
		failed_why=
		journal '"event":"begin","direction":"forward"'
		if [ "$journal_basis" = look ] && ! basis; then
			return
		fi
		if forward "$recover_held"; then
			conclude succeeded
		else
			return_to_hold
		fi
		;;
	esac
}

# abandon: takes down what is there, and leaves it so.
abandon() {
	: "${failed:=$journal_step}"
	journal '"event":"begin","direction":"forward"'
	while read -r step limit interruptible again failure; do
		: "$again" "$failure"
		[ "$step" = observe ] || continue
		step_failure=reported
		run_step forward "$step" "$limit" "$interruptible" "forward/$step.sh"
		[ "$step_exit" = 0 ] || note reported "$step" forward
	done <forward/steps
	conclude abandoned
}
