package io.pilus.lab;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;

/** A long connection between two pods that counts what it sends and what comes back. */
public final class Conversation {

    private final Prober prober;
    private final long id;

    Conversation(Prober prober, long id) {
        this.prober = prober;
        this.id = id;
    }

    /** How it goes; it goes on. */
    public Count look() {
        return count(prober.ask(Prober.command("look").put("stream", id)).join());
    }

    /** Ends it; what is on its way may still arrive for a second. */
    public Count stop() {
        return count(prober.ask(Prober.command("stop").put("stream", id)).join());
    }

    private static Count count(JsonNode answer) {
        return new Count(
                answer.path("sent").asLong(),
                answer.path("received").asLong(),
                Duration.ofMillis(answer.path("longestGapMillis").asLong()),
                answer.path("error").asText());
    }

    /**
     * @param longestGap the longest time in which nothing came back
     * @param error why it ended by itself; empty when it did not
     */
    public record Count(long sent, long received, Duration longestGap, String error) {

        public long lost() {
            return sent - received;
        }
    }
}
