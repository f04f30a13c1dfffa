# shellcheck shell=sh
# How an operation ends: its results, the ledger's line, end.json. A part of
# runner.sh.

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
# the line of an operation that died between the two knows that it has ended. Where
# the disk has no room for one of them it has not ended: it counts as interrupted,
# and somebody looks.
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
	who_cancelled
	ledger_line="$record,$end_when,$end_more,${passed_lock:+\"passed_lock\":$passed_lock,}${canceller:+\"cancelled_by\":$canceller,}\"times\":{${times#,}},\"results\":{${results#,}}}"
	[ "$unwritten" = no ] || rm -f reserve
	# A copy that was being made when its step was killed. Whoever holds the claim alone
	# makes any.
	finish_copies=$root/releases/$(printf '%06d' "$operation")
	rm -f "$finish_copies"/*.part "$finish_copies"/.[!.]*.part "$root"/backups/*.part
	journal "\"event\":\"end\",$end_more"
	if with_room write_end && with_room append_ledger "$ledger_line"; then
		sync "$root/ledger.jsonl" end.new
		# Whoever sees that it has ended may rely on their being gone.
		rm -rf secrets
		mv end.new end.json
	else
		rm -f end.new
	fi
	rm -f reserve gate
}

# who_cancelled: sets canceller to what somebody has put there who asked to cancel, and was
# heard; empty where nobody has, or where it is not whole.
who_cancelled() {
	canceller=
	[ -n "$cancelled" ] && [ -r cancel ] || return 0
	IFS= read -r canceller <cancel
	case $canceller in
	'{"operator":"'*'}') ;;
	*) canceller= ;;
	esac
}

# with_room COMMAND...: once more with the reserve's room where it fails.
with_room() {
	"$@" && return
	rm -f reserve
	"$@"
}

# settle: writes the ends of the interrupted operations that this one passed, each at
# the step where it stopped.
settle() {
	holder_of "$id"
	while [ "$over" != 0 ]; do
		settled=$(printf '%06d' "$over")
		held_by "$settled"
		[ "$holder" = interrupted ] || continue
		(settle_one "$settled")
	done
}

# settle_one ID: in a shell of its own: all that is said here is said of that one.
settle_one() {
	cd "../$1" || return 1
	read_journal journal.jsonl
	set_changes_from .
	has_changed
	operation=$(number "$1")
	now
	started=${journal_started:-$now}
	failed=$journal_failed
	failed_exit=$journal_failed_exit
	failed_why=$journal_failed_why
	back_failed=
	back_exit=
	back_why=
	cancelled=$journal_cancel
	IFS= read -r settle_claim <claim
	number_of passed_lock "$settle_claim" && passed_lock=${value#0}
	if [ "$journal_direction" = forward ] && [ -n "$journal_broken" ]; then
		failed=$journal_step
	fi
	: "${failed:=$journal_closing_open}"
	times=$journal_times
	torn=no
	ends_whole journal.jsonl || torn=yes
	finish interrupted
}

# write_end: false where it is not there in full.
write_end() {
	end_line="{\"v\":1,$end_when,$end_more}"
	printf '%s\n' "$end_line" >end.new
	read -r end_back <end.new && [ "$end_back" = "$end_line" ]
}
