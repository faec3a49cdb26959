package io.pilus.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.lab.ProbeResult.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LabIT {

    private static final String NAME = "plit";
    private static final Duration SECOND = Duration.ofSeconds(1);

    @AfterEach
    void removeWhatIsLeft() {
        Lab.remove(NAME);
    }

    @Test
    void nodesReachEachOtherAndTheOutsideInBothFamilies() {
        try (Lab lab = Lab.start(bare())) {
            Node one = lab.node("n1");
            Node two = lab.node("n2");

            ProbeResult tcp =
                    one.prober().probe(Transport.TCP, two.ipv4(), 80, SECOND).join();
            ProbeResult udp =
                    one.prober().probe(Transport.UDP, two.ipv6(), 80, SECOND).join();
            ProbeResult fromOutside =
                    lab.outside().probe(Transport.TCP, one.ipv6(), 80, SECOND).join();
            ProbeResult large = one.prober()
                    .probe(Transport.UDP, two.ipv4(), 80, SECOND, 4000)
                    .join();

            assertThat(tcp.detail()).startsWith("host-n2 " + one.ipv4());
            assertThat(udp.detail()).startsWith("host-n2 " + one.ipv6());
            assertThat(fromOutside.seenAs()).isEqualTo(lab.outsideIpv6());
            assertThat(large.outcome()).isEqualTo(Outcome.ANSWERED);
        }
    }

    @Test
    void aPartitionCutsWhatItSaysAndHeals() {
        try (Lab lab = Lab.start(bare())) {
            Node one = lab.node("n1");
            Node two = lab.node("n2");
            try (Partition _ = lab.partition(List.of(one.netns()), List.of(two.netns()))) {
                assertThat(one.prober()
                                .probe(Transport.UDP, two.ipv6(), 80, SECOND)
                                .join()
                                .answered())
                        .isFalse();
                assertThat(lab.outside()
                                .probe(Transport.UDP, two.ipv4(), 80, SECOND)
                                .join()
                                .answered())
                        .isTrue();
            }

            assertThat(one.prober()
                            .probe(Transport.UDP, two.ipv6(), 80, SECOND)
                            .join()
                            .answered())
                    .isTrue();
        }
    }

    @Test
    void tellsARefusedConnectionFromASilentOne() {
        try (Lab lab = Lab.start(bare())) {
            Node one = lab.node("n1");
            lab.exec(one.netns(), "ip", "route", "add", "blackhole", "10.9.9.9/32");
            lab.exec(lab.node("n2").netns(), "ip", "link", "set", "lo", "down");
            lab.exec(lab.node("n2").netns(), "ip", "addr", "flush", "dev", "eth0");

            ProbeResult refused =
                    one.prober().probe(Transport.TCP, one.ipv4(), 81, SECOND).join();
            ProbeResult refusedUdp =
                    one.prober().probe(Transport.UDP, one.ipv4(), 81, SECOND).join();
            ProbeResult silent = one.prober()
                    .probe(Transport.TCP, lab.node("n2").ipv4(), 80, SECOND)
                    .join();

            assertThat(refused.outcome()).isEqualTo(Outcome.REFUSED);
            assertThat(refusedUdp.outcome()).isEqualTo(Outcome.REFUSED);
            assertThat(silent.outcome()).isEqualTo(Outcome.SILENT);
        }
    }

    @Test
    void makesAHundredConnectionsSideBySideWithinASecond() {
        try (Lab lab = Lab.start(bare())) {
            Prober prober = lab.node("n1").prober();
            String to = lab.node("n2").ipv4();

            long began = System.nanoTime();
            List<CompletableFuture<ProbeResult>> attempts = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                attempts.add(prober.probe(i % 2 == 0 ? Transport.TCP : Transport.UDP, to, 80, SECOND));
            }
            List<ProbeResult> results =
                    attempts.stream().map(CompletableFuture::join).toList();
            Duration took = Duration.ofNanos(System.nanoTime() - began);

            assertThat(results).allMatch(ProbeResult::answered);
            assertThat(took).isLessThan(SECOND);
        }
    }

    @Test
    void aConversationCountsWhatComesBackAndNoticesAStall() throws InterruptedException {
        try (Lab lab = Lab.start(bare())) {
            Node two = lab.node("n2");
            Conversation conversation =
                    lab.node("n1").prober().converse(Transport.TCP, two.ipv4(), 80, Duration.ofMillis(5));

            Thread.sleep(200);
            lab.exec(two.netns(), "ip", "link", "set", "eth0", "down");
            Thread.sleep(300);
            lab.exec(two.netns(), "ip", "link", "set", "eth0", "up");
            Thread.sleep(1500);
            Conversation.Count count = conversation.stop();

            assertThat(count.error()).isEmpty();
            assertThat(count.received()).isGreaterThan(50);
            assertThat(count.longestGap()).isGreaterThan(Duration.ofMillis(250));
        }
    }

    @Test
    void leavesNothingBehind() throws IOException {
        Path directory = LabState.LABS.resolve(NAME);
        List<String> before = traces();

        try (Lab lab = Lab.start(bare())) {
            assertThat(lab.etcd().isAlive()).isTrue();
            assertThat(traces()).isNotEqualTo(before);
        }

        assertThat(traces()).isEqualTo(before).isEmpty();
        assertThat(directory).doesNotExist();
    }

    @Test
    void theNextOneCleansUpAfterOneThatCrashed() throws Exception {
        Process crashing = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        CrashingLab.class.getName(),
                        NAME)
                .inheritIO()
                .start();
        assertThat(crashing.waitFor()).isEqualTo(137);
        List<RecordedProcess> left = new Journal(LabState.LABS.resolve(NAME)).recordedProcesses();
        assertThat(left).hasSizeGreaterThan(2).allMatch(RecordedProcess::isAlive);

        try (Lab lab = Lab.start(bare())) {
            assertThat(left).noneMatch(RecordedProcess::isAlive);
            assertThat(lab.etcd().isAlive()).isTrue();
        }

        assertThat(traces()).isEmpty();
    }

    @Test
    void oneThatIsInterruptedCleansUpItself() throws Exception {
        Process interrupted = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        CrashingLab.class.getName(),
                        NAME,
                        "wait")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertThat(interrupted.inputReader().readLine()).isEqualTo("started");
        assertThat(traces()).isNotEmpty();

        interrupted.destroy();

        assertThat(interrupted.waitFor()).isEqualTo(143);
        assertThat(traces()).isEmpty();
        assertThat(LabState.LABS.resolve(NAME)).doesNotExist();
    }

    @Test
    void endsNoProcessThatMerelyGotTheNumberOfOneOfItsOwn() throws Exception {
        Process innocent = new ProcessBuilder("sleep", "60").start();
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(innocent.pid()), "stat"));
            String[] fields = stat.split(" ", -1);
            fields[21] = "1";
            Path file = Files.createDirectories(LabState.LABS.resolve(NAME).resolve("processes"))
                    .resolve("etcd");
            Files.writeString(file, String.join(" ", fields));
            Files.copy(
                    Path.of("/proc/sys/kernel/random/boot_id"),
                    LabState.LABS.resolve(NAME).resolve("boot"));

            Lab.remove(NAME);

            assertThat(innocent.isAlive()).isTrue();
            assertThat(LabState.LABS.resolve(NAME)).doesNotExist();
        } finally {
            innocent.destroyForcibly();
        }
    }

    @Test
    void twoProcessesDoNotWorkOnOneLab() {
        try (Lab lab = Lab.start(bare())) {
            assertThat(lab.nodes()).hasSize(2);

            assertThatThrownBy(() -> Lab.start(bare()))
                    .isInstanceOf(LabException.class)
                    .hasMessageContaining("is in use");
        }
    }

    @Test
    void aProcessThatDoesNotGetReadyIsNamedWithItsLastWords() {
        LabConfig config = LabConfig.named(NAME)
                .network(250)
                .withoutAgents()
                .home(brokenHome())
                .services(Service.POLICY)
                .build();

        assertThatThrownBy(() -> Lab.start(config))
                .isInstanceOf(LabException.class)
                .hasMessageContaining("policy-service has ended")
                .hasMessageContaining("Invalid or corrupt jarfile");
        assertThat(LabState.LABS.resolve(NAME)).doesNotExist();
    }

    static LabConfig bare() {
        return LabConfig.named(NAME).network(250).services().withoutAgents().build();
    }

    private static Path brokenHome() {
        try {
            Path home = Files.createTempDirectory("pilus-home");
            Path jar = home.resolve("policy-service/target/quarkus-app/quarkus-run.jar");
            Files.createDirectories(jar.getParent());
            Files.writeString(jar, "no jar");
            return home;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whatever on this machine bears the lab's name. */
    private static List<String> traces() throws IOException {
        List<String> found = new ArrayList<>();
        for (Path directory : List.of(Path.of("/run/netns"), Path.of("/sys/class/net"))) {
            if (Files.isDirectory(directory)) {
                try (Stream<Path> entries = Files.list(directory)) {
                    entries.map(Path::toString)
                            .filter(entry -> entry.contains(NAME))
                            .forEach(found::add);
                }
            }
        }
        Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                .filter(mount -> mount.contains("/" + NAME + "/"))
                .forEach(found::add);
        if (Cgroups.ROOT != null && Files.exists(Cgroups.ROOT.resolve("pilus-" + NAME))) {
            found.add("cgroup");
        }
        return found;
    }
}
