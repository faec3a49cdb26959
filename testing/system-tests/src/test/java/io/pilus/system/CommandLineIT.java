package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Routing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The pilus command, as users run it: as a process, against a cluster of two nodes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CommandLineIT {

    private static final String LAB = "pscl";
    private static final Duration PATIENT = Duration.ofSeconds(10);
    private static final int LONGEST_SECONDS = 60;

    private static final String ONLY_FROM_A = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: only-from-a}
            spec:
              podSelector: {matchLabels: {pod: b}}
              policyTypes: [Ingress]
              ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]
            """;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path files;

    @SuppressWarnings("NullAway.Init")
    private Stage stage;

    private int runs;

    @BeforeAll
    void start() {
        stage = new Stage(LAB, 243, Routing.VXLAN);
    }

    @AfterAll
    void end() {
        if (stage != null) {
            stage.close();
        }
    }

    @Test
    void statusSaysThatEveryPartIsWell() {
        Outcome status = pilus("status");

        assertThat(status.code()).isZero();
        for (String part : List.of("identity-service", "policy-service", "ipam-service", "n1", "n2")) {
            assertThat(status.out()).containsPattern("(?m)^" + part + " .* up\\b");
        }
    }

    @Test
    void whatThereIsIsListed() throws IOException {
        assertThat(succeed("get", "workloads").out())
                .contains("NAMESPACE", "IDENTITY")
                .containsPattern("(?m)^x +a +n1 +\\d+ +pod=a,tier=front +rest$");
        assertThat(succeed("get", "identities").out()).containsPattern("(?m)^\\d+ .* z .*pod=c");
        assertThat(succeed("get", "pools").out()).containsPattern("(?m)^default +10\\.244\\.0\\.0/16");
        assertThat(succeed("get", "namespaces").out()).containsPattern("(?m)^y .*ns=y");
        assertThat(succeed("get", "nodes").out()).containsPattern("(?m)^n2 ");

        assertThat(succeed("get", "pods", "-n", "y").out())
                .containsPattern("(?m)^y +a ")
                .doesNotContain("x ");
        JsonNode one = new ObjectMapper()
                .readTree(
                        succeed("get", "workload", "a", "-n", "x", "-o", "json").out());
        assertThat(one.path("node").asText()).isEqualTo("n1");
        assertThat(one.path("labels").path("tier").asText()).isEqualTo("front");
    }

    @Test
    void aPolicyIsAppliedSeenAtWorkAndDeleted() throws IOException {
        Path file = file(ONLY_FROM_A);
        assertThat(succeed("connect", "x/c", "x/b", "80").out()).startsWith("answered");

        assertThat(succeed("apply", "--wait", "-f", file.toString()).out())
                .containsPattern("^NetworkPolicy x/only-from-a created at revision \\d+, enforced on n2 after \\d+ ms");
        try {
            assertThat(succeed("apply", "-f", file.toString()).out())
                    .startsWith("NetworkPolicy x/only-from-a unchanged at revision");
            assertThat(succeed("get", "policies").out()).containsPattern("(?m)^x +only-from-a +NetworkPolicy ");

            assertThat(succeed("connect", "x/a", "x/b", "80").out()).startsWith("answered");
            assertThat(succeed("connect", "-6", "x/a", "x/b", "80").out()).startsWith("answered");
            assertThat(succeed("connect", "--udp", "x/a", "x/b", "80").out()).startsWith("answered");
            Outcome denied = pilus("connect", "x/c", "x/b", "80");
            assertThat(denied.code()).isEqualTo(1);
            assertThat(denied.out()).startsWith("silent");
            assertThat(denied.err()).contains("waiting for an answer ...");

            await().atMost(PATIENT)
                    .untilAsserted(() -> assertThat(succeed("flows", "--verdict", "dropped", "--node", "n2")
                                    .out())
                            .containsPattern("n2 DROP_POLICY .* x/c .* -> x/b "
                                    + ".*by NetworkPolicy x/only-from-a default-deny ingress"));
            assertThat(succeed("flows", "--verdict", "allowed").out())
                    .contains("by NetworkPolicy x/only-from-a ingress[0]")
                    .doesNotContain("DROP_");
        } finally {
            assertThat(succeed("delete", "policy", "only-from-a", "-n", "x", "--wait")
                            .out())
                    .containsPattern("^policy only-from-a deleted at revision \\d+, enforced on n2 after");
        }
        assertThat(succeed("connect", "x/c", "x/b", "80").out()).startsWith("answered");
        assertThat(succeed("get", "policies").out()).isEqualTo("none\n");
    }

    @Test
    void flowsAreFollowed() throws IOException {
        Path out = Files.createTempFile(files, "followed", ".out");
        Process following =
                start(Map.of(), out, out, List.of("flows", "--follow", "--verdict", "allowed", "--node", "n2"));
        try {
            await().atMost(Duration.ofSeconds(LONGEST_SECONDS)).untilAsserted(() -> {
                succeed("connect", "y/a", "y/b", "81");
                assertThat(out).content().containsPattern("ALLOW_DEFAULT .* y/a .* -> y/b .*:81");
            });
            assertThat(following.isAlive()).isTrue();
        } finally {
            following.destroy();
        }
    }

    @Test
    void whatIsNoPolicyIsAppliedAndDeletedToo() throws IOException {
        Path file = file("""
                kind: Namespace
                metadata: {name: fresh, labels: {team: a}}
                ---
                kind: Workload
                metadata: {namespace: fresh, name: web}
                spec: {node: n1, labels: {app: web}}
                ---
                kind: Pool
                metadata: {name: second}
                spec: {ranges: [10.99.0.0/24]}
                """);

        assertThat(succeed("apply", "-f", file.toString()).out())
                .isEqualTo("namespace fresh created\nworkload web created\npool second created\n");
        assertThat(succeed("apply", "-f", file.toString()).out()).contains("workload web applied");
        assertThat(succeed("get", "workloads", "-n", "fresh").out()).contains("app=web");

        Outcome early = pilus("delete", "namespace", "fresh");
        assertThat(early.code()).isEqualTo(1);
        assertThat(early.err()).contains("still has workloads, 'web' among them", "(409)");
        succeed("delete", "workload", "web", "-n", "fresh");
        assertThat(succeed("delete", "namespace", "fresh").out()).isEqualTo("namespace fresh deleted\n");
        succeed("delete", "pool", "second");
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void aFileThatCannotBeAppliedIsRefusedWithTheReason(String what, String text, List<String> reasons)
            throws IOException {
        Outcome refused = pilus("apply", "-f", file(text).toString());

        refused.assertMessage(1, reasons);
        assertThat(refused.out()).isEmpty();
    }

    static Stream<Arguments> aFileThatCannotBeAppliedIsRefusedWithTheReason() {
        return Stream.of(
                Arguments.of("malformed YAML", "kind: [NetworkPolicy\nmetadata: {", List.of("is no YAML", ", line 2")),
                Arguments.of(
                        "a key twice",
                        "kind: NetworkPolicy\nkind: Pool\n",
                        List.of("is no YAML", "Duplicate field 'kind'", ", line 2")),
                Arguments.of("nothing", "# later\n", List.of("holds no document")),
                Arguments.of(
                        "no name", "kind: NetworkPolicy\n", List.of("a document needs 'kind' and 'metadata.name'")),
                Arguments.of(
                        "an unknown kind",
                        "kind: Gadget\nmetadata: {namespace: x, name: y}\n",
                        List.of("Gadget", "NetworkPolicy", "(404)")),
                Arguments.of(
                        "an unknown field",
                        ONLY_FROM_A.replace("policyTypes", "policyTipes"),
                        List.of("/spec/policyTipes", "(400)")),
                Arguments.of(
                        "a name that is none",
                        ONLY_FROM_A.replace("only-from-a", "'Only from ../a'"),
                        List.of("Only from ../a", "(400)")),
                Arguments.of(
                        "a workload on no node",
                        "kind: Workload\nmetadata: {namespace: x, name: w}\nspec: {node: n9}\n",
                        List.of("there is no node 'n9'", "(404)")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void aCommandThatCannotBeDoneSaysWhy(String line, int code, List<String> reasons) {
        pilus(line.split(" ")).assertMessage(code, reasons);
    }

    static Stream<Arguments> aCommandThatCannotBeDoneSaysWhy() {
        return Stream.of(
                Arguments.of("apply -f /nowhere/at-all.yaml", 1, List.of("there is no file /nowhere/at-all.yaml")),
                Arguments.of("apply", 2, List.of("Missing required option: '--file=FILE'", "Usage: pilus apply")),
                Arguments.of("get gadgets", 1, List.of("'gadgets' is nothing that Pilus keeps; there are policies")),
                Arguments.of("get workload nobody -n x", 1, List.of("no workload 'nobody' in namespace 'x'", "(404)")),
                Arguments.of("delete policy nothing -n x", 1, List.of("nothing", "(404)")),
                Arguments.of("delete identity 300", 1, List.of("identities come and go with the workloads")),
                Arguments.of("delete pool default --wait", 1, List.of("--wait is for policies")),
                Arguments.of("connect x/nobody x/b 80", 1, List.of("no pod 'x/nobody' in lab " + LAB, "x/a")),
                Arguments.of("connect x/a x/b http", 2, List.of("'http' is not an int", "Usage: pilus connect")),
                Arguments.of("flows --node n9", 1, List.of("no node 'n9' in lab " + LAB)),
                Arguments.of("flows --verdict perhaps", 2, List.of("--verdict", "'perhaps'")),
                Arguments.of("polish", 2, List.of("polish", "Usage: pilus")));
    }

    @Test
    void aClusterThatIsNotThereIsNamed() throws IOException {
        run(Map.of(), List.of("status", "--lab", "nowhere"))
                .assertMessage(1, List.of("no lab 'nowhere' runs here; './pilus up' starts one"));
        run(Map.of("PILUS_POLICY_URL", "http://127.0.0.1:1"), List.of("get", "policies"))
                .assertMessage(1, List.of("http://127.0.0.1:1: nobody answers there"));
        run(Map.of("PILUS_POLICY_URL", "127.0.0.1:1"), List.of("get", "policies"))
                .assertMessage(1, List.of("PILUS_POLICY_URL is '127.0.0.1:1'; it should look like"));
    }

    private Path file(String text) throws IOException {
        return Files.writeString(Files.createTempFile(files, "apply", ".yaml"), text);
    }

    private Outcome succeed(String... arguments) {
        Outcome outcome = pilus(arguments);
        assertThat(outcome.code())
                .as("pilus %s: %s", List.of(arguments), outcome)
                .isZero();
        return outcome;
    }

    /** Against the lab, whichever others run on this machine. */
    private Outcome pilus(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--lab", LAB));
        try {
            return run(Map.of(), all);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private Outcome run(Map<String, String> environment, List<String> arguments) throws IOException {
        Path out = files.resolve("out-" + ++runs);
        Path err = files.resolve("err-" + runs);
        Process process = start(environment, out, err, arguments);
        try {
            assertThat(process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS))
                    .as("%s ends", arguments)
                    .isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
        return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    private static Process start(Map<String, String> environment, Path out, Path err, List<String> arguments)
            throws IOException {
        Path jar = LabConfig.named(LAB).build().home().resolve("cli/target/quarkus-app/quarkus-run.jar");
        assertThat(jar).as("the built command").exists();
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-jar",
                jar.toString()));
        command.addAll(arguments);
        var builder = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .redirectInput(Path.of("/dev/null").toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("PILUS_") && name.endsWith("_URL"));
        builder.environment().putAll(environment);
        return builder.start();
    }

    /** How a command ended. */
    private record Outcome(int code, String out, String err) {

        /** A message for people, never a stack. */
        void assertMessage(int expected, List<String> parts) {
            assertThat(code).as(err).isEqualTo(expected);
            assertThat(err).contains(parts).doesNotContain("\tat ", "Exception");
        }
    }
}
