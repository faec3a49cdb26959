package io.pilus.model;

/** What came of compiling a policy list. Whoever gets a refusal keeps the table that was in force. */
public sealed interface Compilation {

    record Compiled(VerdictTable table) implements Compilation {}

    /**
     * More classes, or ranks, than a table can tell apart.
     *
     * @param document the one with which the limit was passed
     * @param what of what there are too many
     */
    record TooMany(RuleRef document, String what, int limit) implements Compilation {
        public String message() {
            return document.document() + " needs more than " + limit + " " + what
                    + " together with the other policies of its subjects; write broader rules or select fewer subjects";
        }
    }

    /** A policy says something that this version does not know, or names a set that is not here. */
    record NotUnderstood(RuleRef rule, String reason) implements Compilation {
        public String message() {
            return rule + ": " + reason;
        }
    }
}
