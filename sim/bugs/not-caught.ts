// Mistakes that no seed tried so far has caught, or that the simulator cannot catch, and why: another defence hides them, or nothing
// in the simulator looks. The trust page shows them; none of them counts among the planted bugs.

export interface NotCaught {
  readonly name: string
  /** What was wrong. */
  readonly wrong: string
  /** `hidden`: another defence makes it harmless as far as a trace tells. `hole`: harm is possible, and not looked for. */
  readonly kind: 'hidden' | 'hole'
  readonly why: string
}

export const notCaught: readonly NotCaught[] = [
  {
    name: 'takeover-heard-of-is-not-obeyed',
    wrong: 'a node takes the next generation of its session for its own',
    kind: 'hidden',
    why: 'what the older connection writes is fenced by the room, and its drop is refused; in the end it is gone',
  },
  {
    name: 'control-log-not-polled',
    wrong: 'a tick does not read the control log',
    kind: 'hidden',
    why: 'the next hint that arrives shows the hole, and the log is read then',
  },
  {
    name: 'attach-that-timed-out-is-forgotten',
    wrong: 'nobody looks after an attach whose answer never came',
    kind: 'hidden',
    why: 'the client dials again and takes the session over; only one that never comes again would show it',
  },
  {
    name: 'event-settled-before-it-is-done',
    wrong: 'an event of the store is settled first, and lost when the process dies while it does it',
    kind: 'hole',
    why: 'the process must die within the few milliseconds between the two; leaves that are told to nobody are not looked for',
  },
  {
    name: 'since-join-by-the-tail',
    wrong: 'where a session joins is taken from the tail of its node, which may not have heard of the last entries',
    kind: 'hole',
    why: 'what is handed over is compared with the call of the join, which is earlier than its decision',
  },
  {
    name: 'attempt-saved-before-it-is-raised',
    wrong: 'a page that is loaded again dials with the number of the dial before',
    kind: 'hidden',
    why: 'the server answers with the last number, and the client goes on above it',
  },
  {
    name: 'forgets-before-it-has-left',
    wrong: 'a welcome that comes while leaving is kept with secrets that are not its own',
    kind: 'hidden',
    why: 'the session ends all the same, and a secret that fits no session makes a new one',
  },
  {
    name: 'frames-of-an-abandoned-link-are-heard',
    wrong: 'what an older link still brings is taken for what this one says',
    kind: 'hidden',
    why: 'positions are compared with what was received, and answers with what was asked',
  },
  {
    name: 'rights-compared-by-nobody',
    wrong: 'an attach goes through although rights changed while the hooks ran',
    kind: 'hidden',
    why: 'each room asks its hook again after the attach; the `authenticate` of the simulated application does not change its mind',
  },
  {
    name: 'publishes-of-another-user-are-sent',
    wrong: 'a page takes over what another user of the profile has left',
    kind: 'hole',
    why: 'a profile has one user in the simulator; `src/client/outbox-reload.test.ts` has two',
  },
  {
    name: 'token-expiry-ignored-by-a-resume-without-a-token',
    wrong: 'a secret alone resumes a session whose token is over',
    kind: 'hole',
    why: 'clients of the simulator show a token with every dial where there are tokens; `src/server/auth.test.ts` has one without',
  },
  {
    name: 'lease-granted-twice',
    wrong: 'a name or a seat is granted while somebody else has it',
    kind: 'hole',
    why: 'no client can ask for a lease yet; the suite of the stores does',
  },
]
