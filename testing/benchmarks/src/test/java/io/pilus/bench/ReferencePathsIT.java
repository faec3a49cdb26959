package io.pilus.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Needs root, a kernel with TCX, ip and nft. */
class ReferencePathsIT {

    private final Tools tools = new Tools();
    private final LoadGenerator generator = new LoadGenerator(tools.loadGenerator(), Duration.ofMillis(20));

    @AfterEach
    void close() {
        tools.close();
    }

    @Test
    void everyPathOnOneNodeCarriesEveryExchange() {
        try (var paths = ReferencePaths.onOneNode(tools)) {
            carryEverything(paths.paths());
        }
        assertThat(Commands.run("ip", "netns", "list"))
                .doesNotContain("pb-" + ProcessHandle.current().pid());
    }

    @Test
    void everyPathAcrossNodesCarriesEveryExchange() {
        try (var paths = ReferencePaths.acrossNodes(tools)) {
            carryEverything(paths.paths());
        }
        assertThat(Commands.run("ip", "netns", "list"))
                .doesNotContain("pb-" + ProcessHandle.current().pid());
    }

    @Test
    void aPathThatLosesPacketsEndsTheMeasurement() {
        try (var paths = ReferencePaths.onOneNode(tools)) {
            PacketPath bare = paths.paths().getFirst();
            PacketPath elsewhere = new PacketPath("nowhere", bare.client(), bare.client(), "192.168.77.2", bare.ipv6());

            assertThatThrownBy(() -> generator.measure(List.of(elsewhere), Exchange.DATAGRAMS, Family.IPV4, 0))
                    .isInstanceOf(CommandFailedException.class)
                    .hasMessageContaining("Cannot assign requested address");
        }
    }

    @Test
    void whatAKilledRunHasLeftIsRemovedAndWhatLivesStays() throws InterruptedException, IOException {
        Process killed = new ProcessBuilder("true").start();
        killed.waitFor();
        String left = "pb-" + killed.pid() + "-bare-1";
        String living = "pb-" + ProcessHandle.current().pid() + "-bare-9";
        Commands.run("ip", "netns", "add", left);
        Commands.run("ip", "netns", "add", living);

        ScratchNamespaces.removeLeftovers();

        assertThat(Commands.run("ip", "netns", "list")).contains(living).doesNotContain(left);
        Commands.run("ip", "netns", "del", living);
    }

    private void carryEverything(List<PacketPath> paths) {
        for (Family family : Family.values()) {
            for (Exchange exchange : Exchange.values()) {
                Map<String, Map<String, Double>> samples = generator.measure(paths, exchange, family, 0);

                assertThat(samples).hasSize(5).allSatisfy((_, sample) -> {
                    assertThat(sample.get(LoadGenerator.P5)).isBetween(100.0, 1e7);
                    assertThat(sample.get(LoadGenerator.P5)).isLessThanOrEqualTo(sample.get(LoadGenerator.P50));
                    assertThat(sample.get(LoadGenerator.LATE)).isLessThan(0.05);
                });
            }
        }
    }
}
