package io.pilus.lab;

import java.time.Duration;

/**
 * What became of one connection attempt.
 *
 * @param detail when answered: who answered, and the address and port that it saw, parted by blanks; else what went wrong
 */
public record ProbeResult(Outcome outcome, String detail, Duration took) {

    public boolean answered() {
        return outcome == Outcome.ANSWERED;
    }

    /** The address under which the server saw the client. */
    public String seenAs() {
        return detail.split(" ", -1)[1];
    }

    /** How an attempt can end. */
    public enum Outcome {
        /** A message went there and its answer came back. */
        ANSWERED,
        /** A reset, or an ICMP error "port unreachable". */
        REFUSED,
        /** Nothing came back in time. */
        SILENT,
        /** No route, or an ICMP error that says so. */
        UNREACHABLE,
        FAILED
    }
}
