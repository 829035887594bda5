#!/bin/sh
# For a CI system that is neither GitHub's nor GitLab's: what its jobs call. Comments, issues and snapshots are GitHub's and
# GitLab's own (`reconcile ci`); here a plan and a page are files to keep with the job.
#
#   generic.sh advice            on a change: what can be checked without credentials
#   generic.sh plan DIR          on the protected branch: DIR/record.plan, DIR/page, DIR/plan.md; the digest on stdout
#   generic.sh apply DIR DIGEST  after the approval; DIGEST from the plan's job, not from DIR; what sends is left
#   generic.sh send DIR DIGEST   the same, in the one job that may send
#   generic.sh drift             exit 2 where something differs
set -eu
case "${1:-}" in
advice)
  reconcile fmt --check
  reconcile validate
  ;;
plan)
  mkdir -p "$2"
  reconcile plan -o "$2/record.plan" --page "$2/page" --format markdown >"$2/plan.md"
  reconcile show "$2/record.plan" --format json | python -c 'import json, sys; print(json.load(sys.stdin)["reconcile"]["digest"])'
  ;;
apply | send)
  : "${RECONCILE_ALLOW_STATE:?set it to where the state may be, outside of the repository}"
  if [ "$1" = send ]; then sends=--allow-send; else sends=--without-sends; fi
  reconcile apply "$2/record.plan" --approved "$3" "$sends" --no-input
  ;;
drift)
  reconcile drift --format markdown
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 64
  ;;
esac
