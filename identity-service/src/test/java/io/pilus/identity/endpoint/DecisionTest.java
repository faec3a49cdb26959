package io.pilus.identity.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Prefix;
import io.pilus.identity.view.EndpointFacts;
import io.pilus.identity.view.Seen;
import io.pilus.identity.view.SeenWorkload;
import io.pilus.identity.view.Spot;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class DecisionTest {

    private static final Map<String, Prefix> BLOCKS =
            Map.of("block-4", Prefixes.parse("10.1.0.0/26"), "block-6", Prefixes.parse("fd00:1::/122"));

    @Test
    void whatANodeWasGivenIsPublished() {
        Decision decision = decide(attached(300, "10.1.0.5", "fd00:1::5"), workload(300), null);

        assertThat(decision)
                .isEqualTo(new Decision.Publish(endpoint(300, "10.1.0.5", "fd00:1::5"), Set.of("block-4", "block-6")));
    }

    @Test
    void whatIsPublishedAlreadyIsKept() {
        assertThat(decide(attached(300, "10.1.0.5"), workload(300), endpoint(300, "10.1.0.5")))
                .isEqualTo(new Decision.Keep());
    }

    @Test
    void aVanishedWorkloadDetachesNothing() {
        assertThat(decide(attached(300, "10.1.0.5"), null, endpoint(300, "10.1.0.5")))
                .isEqualTo(new Decision.Keep());
    }

    @Test
    void aBlockThatWasTakenBackDetachesNothing() {
        assertThat(decide(attached(300, "10.9.0.5"), workload(300), endpoint(300, "10.9.0.5")))
                .isEqualTo(new Decision.Keep());
    }

    @Test
    void aNodeThatHasNotFollowedARelabellingKeepsWhatItHad() {
        assertThat(decide(attached(300, "10.1.0.5"), workload(301), endpoint(300, "10.1.0.5")))
                .isEqualTo(new Decision.Keep());
    }

    @Test
    void aNodeThatHasFollowedARelabellingIsPublishedAnew() {
        assertThat(decide(attached(301, "10.1.0.5"), workload(301), endpoint(300, "10.1.0.5")))
                .isEqualTo(new Decision.Publish(endpoint(301, "10.1.0.5"), Set.of()));
    }

    @Test
    void whatIsDetachedIsWithdrawn() {
        assertThat(decide(null, workload(300), endpoint(300, "10.1.0.5"))).isEqualTo(new Decision.Withdraw());
        assertThat(decide(null, workload(300), null)).isEqualTo(new Decision.Keep());
    }

    @Test
    void everythingOfARemovedNodeIsWithdrawn() {
        assertThat(Decision.of(facts(false, attached(300, "10.1.0.5"), workload(300), endpoint(300, "10.1.0.5"))))
                .isEqualTo(new Decision.Withdraw());
        assertThat(Decision.of(facts(false, attached(300, "10.1.0.5"), workload(300), null)))
                .isEqualTo(new Decision.Keep());
    }

    @Test
    void aWorkloadThatTheNodeWasNeverGivenIsRefused() {
        assertRefused(decide(attached(300, "10.1.0.5"), null, null), "not-its-workload", "'node-a'");
    }

    @Test
    void anotherUidThanTheKeySaysIsRefused() {
        Attached forged = attached(300, "10.1.0.5").toBuilder().setUid("u-2").build();

        assertRefused(decide(forged, workload(300), null), "not-its-workload", "u-1");
    }

    @Test
    void anIdentityThatWasNotAssignedIsRefused() {
        assertRefused(decide(attached(301, "10.1.0.5"), workload(300), null), "wrong-identity", "301");
        assertRefused(
                decide(attached(1, "10.1.0.5"), workload(300), endpoint(300, "10.1.0.5")), "wrong-identity", "host");
        assertRefused(
                decide(attached(301, "10.1.0.5"), null, endpoint(300, "10.1.0.5")), "wrong-identity", "given 300");
    }

    @Test
    void anAddressOutsideTheNodesBlocksIsRefused() {
        assertRefused(decide(attached(300, "10.1.0.64"), workload(300), null), "address-outside-blocks", "10.1.0.64");
        assertRefused(
                decide(attached(300, "10.1.0.5", "10.2.0.1"), workload(300), endpoint(300, "10.1.0.5")),
                "address-outside-blocks",
                "10.2.0.1");
    }

    private static void assertRefused(Decision decision, String reason, String message) {
        assertThat(decision).isInstanceOfSatisfying(Decision.Refuse.class, refuse -> {
            assertThat(refuse.reason()).isEqualTo(reason);
            assertThat(refuse.message()).contains(message);
        });
    }

    private static Decision decide(
            @Nullable Attached attached, @Nullable SeenWorkload workload, @Nullable Endpoint published) {
        return Decision.of(facts(true, attached, workload, published));
    }

    private static EndpointFacts facts(
            boolean registered,
            @Nullable Attached attached,
            @Nullable SeenWorkload workload,
            @Nullable Endpoint published) {
        return new EndpointFacts(
                new Spot("node-a", "u-1"),
                registered,
                attached == null ? null : new Seen<>(attached, 1),
                workload,
                published == null ? null : new Seen<>(published, 2),
                BLOCKS);
    }

    private static SeenWorkload workload(int identity) {
        return new SeenWorkload("shop", "web", identity, 3);
    }

    private static Attached attached(int identity, String... addresses) {
        return Attached.newBuilder()
                .setUid("u-1")
                .setIdentity(identity)
                .addAllAddresses(
                        Arrays.stream(addresses).map(Prefixes::parseAddress).toList())
                .build();
    }

    private static Endpoint endpoint(int identity, String... addresses) {
        return Endpoint.newBuilder()
                .setUid("u-1")
                .setNode("node-a")
                .setNamespace("shop")
                .setName("web")
                .setIdentity(identity)
                .addAllAddresses(
                        Arrays.stream(addresses).map(Prefixes::parseAddress).toList())
                .build();
    }
}
