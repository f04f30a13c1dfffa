# shellcheck shell=sh
# The claim: who may have it, and how it is made. A part of runner.sh.

# standing ID: walks from the newest claim over what it passed, and sets over to
# the first claim that is not settled (0: none), and refusal, empty if this
# operation may start, and refused_id.
standing() {
	over_first=0
	passed_lock=
	refusal=
	refused_id=$1
	if newer_in_ledger; then
		claim=$newer_line
		refused_id=0
		refusal=format
		return
	fi
	while [ -n "$refused_id" ]; do
		held_by "$refused_id"
		standing_over=$over
		case $holder in
		never_began | unbegun) take_away "$refused_id" || refusal=unknown ;;
		ended) end_whole "$refused_id" ;;
		lock)
			[ "$over_first" != 0 ] || over_first=$(number "$refused_id")
			passed_lock=$(number "$refused_id")
			passes lock || refusal=lock
			;;
		interrupted | orphaned)
			if [ "$holder" = orphaned ]; then
				if [ "$recovering" = yes ] || passes orphaned; then end_group "$journal_group" "$journal_group_start"; fi
				if group_lives "$journal_group" "$journal_group_start"; then refusal=orphaned; fi
			fi
			[ "$over_first" != 0 ] || over_first=$(number "$refused_id")
			[ -n "$refusal" ] || [ "$recovering" = yes ] || passes interrupted || refusal=interrupted
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

# take_away ID: what was to become the folder of a claim that has none yet. Its holder
# begins by giving it the number; of the two renames one wins. False where that was
# its holder's, or where neither is known.
take_away() {
	value nonce "$claim"
	case $value in
	'' | *[!0-9a-f]*)
		[ "$holder" = never_began ]
		return
		;;
	esac
	mv "../.new-$value" "../.new-$value.taken" 2>/dev/null
	rm -rf "../.new-$value.taken"
	[ ! -e "../.new-$value" ] && [ ! -e "../$1" ]
}

# held_by ID: as holder_of; what cannot be seen from here an operator has looked at
# himself, if he says so.
held_by() {
	holder_of "$1"
	if [ "$holder" = unknown ] && [ -n "$claim" ] && [ "$recovering" = yes ] && passes unknown; then
		holder=interrupted
	fi
}

# end_whole ID: of one that may have died while it put its end in its place.
end_whole() {
	[ ! -e "$root/operations/$1/end.json" ] || return 0
	(
		cd "$root/operations/$1" || exit
		mv end.new end.json
		rm -rf gate reserve secrets
	)
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
	recovering=no
	[ ! -e recovers ] || recovering=yes
	claim_first=
	while :; do
		refusal=
		# Whoever comes after this look makes the link fail.
		newest_claim
		[ "$recovering" = no ] || recoverable
		# Before anything is ended that still runs.
		[ "$recovering" = no ] || [ -n "$refusal" ] || look_back
		[ -n "$refusal" ] || standing "$newest"
		if [ -n "$refusal" ]; then
			refuse
			return 1
		fi
		claim_over=$over${passed_lock:+,\"passed_lock\":$passed_lock}
		if [ "$recovering" = yes ] && [ -z "$claim_first" ]; then
			take_up
			if [ "$unwritten" = yes ]; then
				printf '{"failed":"write"}\n'
				return 1
			fi
			claim_first=",\"first\":$first"
		fi
		operation=$(($(number "${newest:-0}") + 1))
		id=$(printf '%06d' "$operation")
		now
		claim_record="$claim_who,\"nonce\":\"$1\",\"pid\":$2,\"pid_start\":$3,\"supervisor\":$4,\"supervisor_start\":$5,\"boot\":\"$boot\",\"namespace\":\"$namespace\",\"over\":$claim_over$claim_first,\"at\":$now}"
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
		# Somebody who cannot see whether this process lives has claimed since.
		if [ ! -e "../.new-$1" ]; then
			printf '{"failed":"overtaken"}\n'
		else
			printf '{"failed":"rename"}\n'
		fi
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
	elif [ "$refusal" = format ]; then
		refuse_more=",\"file\":\"$newer_file\""
	elif [ "$refusal" = ask ]; then
		refuse_more=",\"direction\":\"$list\",\"step\":\"$stopped\""
	fi
	printf '{"refused":"%s","operation":%s%s,"claim":%s}\n' \
		"$refusal" "$(number "${refused_id:-0}")" "$refuse_more" "${claim:-null}"
}

