package io.pilus.faults;

import java.util.List;
import java.util.Locale;

/**
 * What became of {@link Traffic}.
 *
 * @param messages sent in conversations
 * @param lost of them, those that never came back
 * @param connections allowed ones that were tried
 * @param failed of them
 * @param forbidden forbidden ones that were tried
 * @param through of them, those that were answered
 * @param errors why conversations ended and connections failed
 */
public record Losses(
        long messages, long lost, long connections, long failed, long forbidden, long through, List<String> errors) {

    /** Nothing allowed was lost, nothing forbidden came through. */
    public boolean none() {
        return lost == 0 && failed == 0 && through == 0 && errors.isEmpty();
    }

    /** How much was tried, in the words of a report. */
    public String tried() {
        return String.format(
                Locale.ROOT, "%,d messages, %,d new connections, %,d forbidden ones", messages, connections, forbidden);
    }

    /** What was lost, in the words of a report. */
    public String text() {
        return String.format(
                Locale.ROOT, "%d messages, %d connections; %d forbidden ones let through", lost, failed, through);
    }
}
