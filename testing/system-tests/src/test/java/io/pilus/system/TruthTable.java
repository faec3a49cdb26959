package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Flow;
import io.pilus.lab.FlowWatch;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Routing;
import io.pilus.system.Oracle.Expectation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/**
 * Every case of truth-table/*.yaml: all connections between all parties are tried in both families, and each must go as the
 * oracle says. A case more is a file more.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class TruthTable {

    private static final Duration PATIENCE = Duration.ofMillis(500);

    /** For what should be answered and was not, as a busy machine may be slow; what should not be answered gets no second chance. */
    private static final Duration SECOND_CHANCE = Duration.ofSeconds(3);

    private static final Duration FLOW_PATIENCE = Duration.ofSeconds(3);

    private final String name;
    private final int network;
    private final Routing routing;

    @SuppressWarnings("NullAway.Init")
    private Stage stage;

    @SuppressWarnings("NullAway.Init")
    private FlowWatch flows;

    TruthTable(String name, int network, Routing routing) {
        this.name = name;
        this.network = network;
        this.routing = routing;
    }

    @BeforeAll
    void start() {
        stage = new Stage(name, network, routing);
        flows = new FlowWatch(stage.lab());
    }

    @AfterAll
    void end() {
        if (stage != null) {
            flows.close();
            stage.close();
        }
    }

    @TestFactory
    Stream<DynamicTest> everyConnectionGoesAsThePoliciesSay() throws IOException, URISyntaxException {
        Path cases = Path.of(Objects.requireNonNull(TruthTable.class.getResource("/truth-table"))
                .toURI());
        try (Stream<Path> files = Files.list(cases)) {
            return files.sorted().toList().stream()
                    .map(file -> DynamicTest.dynamicTest(file.getFileName().toString(), () -> check(file)));
        }
    }

    private void check(Path file) throws InterruptedException {
        List<JsonNode> documents = stage.documents(read(file));
        Oracle oracle = new Oracle(documents, Stage.NAMESPACES);
        flows.forget();
        stage.apply(documents);
        try {
            Map<Connection, Expectation> expected = new LinkedHashMap<>();
            Oracle.everyConnection(stage.parties()).forEach(c -> expected.put(c, oracle.judge(c)));

            assertThat(surprises(expected)).isEmpty();
            assertThat(misnamedDrops(expected)).isEmpty();
        } finally {
            stage.delete(documents);
        }
    }

    private static List<String> surprises(Map<Connection, Expectation> expected) {
        List<String> surprises = new ArrayList<>();
        List<Connection> again = new ArrayList<>();
        attempt(List.copyOf(expected.keySet()), PATIENCE).forEach((connection, result) -> {
            boolean allowed = Objects.requireNonNull(expected.get(connection)).allowed();
            if (result.answered() && !allowed) {
                surprises.add(connection + " was answered, but " + expected.get(connection) + " denies it");
            } else if (!result.answered() && allowed) {
                again.add(connection);
            }
        });
        attempt(again, SECOND_CHANCE).forEach((connection, result) -> {
            if (!result.answered()) {
                surprises.add(connection + " is allowed, but: " + result.outcome() + " " + result.detail());
            }
        });
        return surprises;
    }

    private static Map<Connection, ProbeResult> attempt(List<Connection> connections, Duration patience) {
        Map<Connection, CompletableFuture<ProbeResult>> running = new LinkedHashMap<>();
        for (Connection c : connections) {
            running.put(c, c.from().prober().probe(c.transport(), c.to().address(c.six()), c.port(), patience));
        }
        Map<Connection, ProbeResult> results = new LinkedHashMap<>();
        running.forEach((connection, result) -> results.put(connection, result.join()));
        return results;
    }

    /** Each drop must name a rule that denies, and each denied pair of parties must show a drop. */
    private List<String> misnamedDrops(Map<Connection, Expectation> expected) throws InterruptedException {
        List<String> wrong = new ArrayList<>();
        for (Map.Entry<Connection, Expectation> denied : expected.entrySet()) {
            Connection c = denied.getKey();
            if (!denied.getValue().allowed()
                    && flows.await(f -> f.isDrop() && isOf(f, c), FLOW_PATIENCE).isEmpty()) {
                wrong.add(c + " was dropped, and no flow says so");
            }
        }
        for (Flow flow : flows.seen()) {
            if (flow.isDrop()) {
                expected.forEach((c, expectation) -> {
                    if (isOf(flow, c) && !expectation.rules().contains(flow.rule())) {
                        wrong.add(c + " should name one of " + expectation.rules() + ": " + flow);
                    }
                });
            }
        }
        return wrong;
    }

    private static boolean isOf(Flow flow, Connection c) {
        return flow.source().address().equals(c.from().address(c.six()))
                && flow.destination().address().equals(c.to().address(c.six()))
                && flow.destination().port() == c.port()
                && flow.protocol().equalsIgnoreCase(c.transport().name());
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
