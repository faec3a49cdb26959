package io.pilus.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Times paths without a scheduler in it (src/main/c/loadgen.c): one thread holds both sockets. */
final class LoadGenerator {

    /** The 5th percentile of the batches: what the path costs when nothing disturbs it. */
    static final String P5 = "p5";

    static final String P50 = "p50";

    /** The share of exchanges that left the CPU; more than a few, and the times are worth nothing. */
    static final String LATE = "late";

    /** Of every server that is measured. */
    static final int PORT = 7777;

    enum Exchange {
        REQUEST_RESPONSE("rr", 100),
        CONNECT_REQUEST_RESPONSE("crr", 20),
        DATAGRAMS("udp", 100);

        private final String mode;
        private final int batch;

        Exchange(String mode, int batch) {
            this.mode = mode;
            this.batch = batch;
        }
    }

    enum Family {
        IPV4,
        IPV6
    }

    private final Path program;
    private final Duration slice;

    LoadGenerator(Path program, Duration slice) {
        this.program = program;
        this.slice = slice;
    }

    /**
     * All paths once. They take turns, batch by batch.
     *
     * @return by the path's name; nanoseconds an exchange
     * @throws CommandFailedException when a path loses a packet, or refuses a connection
     */
    Map<String, Map<String, Double>> measure(List<PacketPath> paths, Exchange exchange, Family family, int cpu) {
        List<String> command = new ArrayList<>(List.of(
                program.toString(),
                exchange.mode,
                Long.toString(slice.toMillis()),
                Integer.toString(exchange.batch),
                Integer.toString(cpu),
                Integer.toString(PORT)));
        for (PacketPath path : paths) {
            command.add(path.client().toString());
            command.add(path.server().toString());
            command.add(
                    switch (family) {
                        case IPV4 -> path.ipv4();
                        case IPV6 -> path.ipv6();
                    });
        }
        List<String> lines =
                Commands.run(command.toArray(String[]::new)).lines().toList();
        Map<String, Map<String, Double>> samples = new LinkedHashMap<>();
        for (int i = 0; i < paths.size(); i++) {
            samples.put(paths.get(i).name(), sample(lines.get(i), exchange));
        }
        return samples;
    }

    private static Map<String, Double> sample(String line, Exchange exchange) {
        String[] words = line.split(" ", -1);
        double late = Double.parseDouble(words[4]) / (Double.parseDouble(words[3]) * exchange.batch);
        return Map.of(
                P5,
                Double.valueOf(words[0]),
                P50,
                Double.valueOf(words[1]),
                "p95",
                Double.valueOf(words[2]),
                LATE,
                late);
    }
}
