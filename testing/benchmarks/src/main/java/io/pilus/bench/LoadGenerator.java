package io.pilus.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** Times a path without a scheduler in it (src/main/c/loadgen.c): one thread holds both sockets. */
final class LoadGenerator {

    /** The 5th percentile of the batches: what the path costs when nothing disturbs it. */
    static final String P5 = "p5";

    static final String P50 = "p50";

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

    /** A path as a variant of a run; its values are nanoseconds an exchange. */
    Rounds.Variant variant(PacketPath path, Exchange exchange, Family family) {
        return new Rounds.Variant() {
            @Override
            public String name() {
                return path.name();
            }

            @Override
            public Map<String, Double> measure(int cpu) {
                return LoadGenerator.this.measure(path, exchange, family, cpu);
            }
        };
    }

    Map<String, Double> measure(PacketPath path, Exchange exchange, Family family, int cpu) {
        String[] words = Commands.run(
                        program.toString(),
                        exchange.mode,
                        path.client().toString(),
                        path.server().toString(),
                        switch (family) {
                            case IPV4 -> path.ipv4();
                            case IPV6 -> path.ipv6();
                        },
                        Integer.toString(PORT),
                        Long.toString(slice.toMillis()),
                        Integer.toString(exchange.batch),
                        Integer.toString(cpu))
                .strip()
                .split(" ", -1);
        double exchanges = Double.parseDouble(words[3]) * exchange.batch;
        double late = Double.parseDouble(words[4]) / exchanges;
        return Map.of(
                P5,
                Double.valueOf(words[0]),
                P50,
                Double.valueOf(words[1]),
                "p95",
                Double.valueOf(words[2]),
                "late",
                late);
    }
}
