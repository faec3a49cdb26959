package io.pilus.lab;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Counts what arrives in a namespace, below every socket: also what nobody listens for. */
public final class Witness {

    private final Prober prober;
    private final long id;

    Witness(Prober prober, long id) {
        this.prober = prober;
        this.id = id;
    }

    /**
     * @param protocol the IP protocol; ports are 0 where it has none
     */
    public record Seen(String source, int protocol, int sourcePort, int port, long packets) {}

    /**
     * What has arrived so far.
     *
     * @throws LabException when it came faster than it could be counted
     */
    public List<Seen> seen() {
        JsonNode answer = prober.ask(Prober.command("seen").put("witness", id)).join();
        if (answer.path("missed").asLong() != 0) {
            throw new LabException("the witness missed " + answer.path("missed") + " packets");
        }
        List<Seen> seen = new ArrayList<>();
        for (JsonNode one : answer.path("seen")) {
            seen.add(new Seen(
                    one.path("source").asText(),
                    one.path("protocol").asInt(),
                    one.path("sourcePort").asInt(),
                    one.path("port").asInt(),
                    one.path("packets").asLong()));
        }
        return seen;
    }

    public long packets(Predicate<Seen> which) {
        return seen().stream().filter(which).mapToLong(Seen::packets).sum();
    }

    public long packetsFrom(String address) {
        return packets(one -> one.source().equals(address));
    }
}
