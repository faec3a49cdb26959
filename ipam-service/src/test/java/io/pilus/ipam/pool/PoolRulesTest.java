package io.pilus.ipam.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Pool;
import io.pilus.rest.PoolName;
import io.pilus.rest.ProblemException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PoolRulesTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            10.0.0.0          | has no prefix length
            10.0.0.0/x        | no number behind the slash
            10.0.0.0/33       | between 0 and 32
            fd00::/129        | between 0 and 128
            10.0.0.1/24       | did you mean 10.0.0.0/24?
            fd00::1/64        | did you mean fd00::/64?
            300.0.0.0/8       | not an IP address
            pods.example/24   | not an IP address
            127.0.0.0/16      | loopback
            0.0.0.0/0         | overlaps
            ::ffff:10.0.0.0/120 | is not
            fe80::/64         | link-local
            224.0.0.0/24      | multicast
            """)
    void refusesARangeAndSaysWhatIsWrongWithIt(String range, String complaint) {
        assertThatThrownBy(() -> PoolRules.parse(new PoolName("p"), List.of("10.1.0.0/16", range), null, null))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:invalid-range");
                    assertThat(problem.status().getStatusCode()).isEqualTo(400);
                    assertThat(problem.detail()).startsWith("/ranges/1: ").contains(complaint);
                });
    }

    @Test
    void refusesRangesThatOverlapEachOther() {
        assertThatThrownBy(
                        () -> PoolRules.parse(new PoolName("p"), List.of("10.1.0.0/16", "10.1.128.0/24"), null, null))
                .hasMessageContaining("/ranges/1: '10.1.128.0/24' overlaps '10.1.0.0/16' of the same pool");
    }

    @ParameterizedTest
    @CsvSource({
        "15, 122, blockLengthIpv4, between 16",
        "33, 122, blockLengthIpv4, between 16",
        "26, 111, blockLengthIpv6, between 112",
        "26, 128, blockLengthIpv6, between 112",
        "23, 122, blockLengthIpv4, larger than the range 10.1.0.0/24",
        "26, 119, blockLengthIpv6, larger than the range fd00::/120",
    })
    void refusesABlockLengthThatCannotBe(int ipv4, int ipv6, String field, String complaint) {
        assertThatThrownBy(() -> PoolRules.parse(new PoolName("p"), List.of("10.1.0.0/24", "fd00::/120"), ipv4, ipv6))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:invalid-block-length");
                    assertThat(problem.detail()).startsWith("/" + field).contains(complaint);
                });
    }

    @Test
    void aPoolOfOneFamilyNeedsNoBlockLengthOfTheOther() {
        Pool pool = PoolRules.parse(new PoolName("p"), List.of("fd00::/124"), null, 126);

        assertThat(pool.getBlockLengthIpv4()).isEqualTo(26);
        assertThat(pool.getBlockLengthIpv6()).isEqualTo(126);
    }

    @Test
    void refusesAPoolThatSharesAddressesWithAnother() {
        Pool mine = pool("mine", "10.2.0.0/16", "10.1.64.0/18");

        PoolRules.checkPools(mine, List.of(mine, pool("other", "10.1.0.0/18", "fd00::/48")));
        assertThatThrownBy(() -> PoolRules.checkPools(mine, List.of(mine, pool("other", "10.1.0.0/16"))))
                .hasMessageContaining("10.1.64.0/18 overlaps 10.1.0.0/16 of pool 'other'");
    }

    @Test
    void refusesAPoolThatHoldsANodesAddress() {
        Pool pool = pool("mine", "10.2.0.0/16");

        PoolRules.checkNode(pool, "n1", List.of(Prefixes.parseAddress("10.3.0.1"), Prefixes.parseAddress("a02:1::")));
        assertThatThrownBy(() -> PoolRules.checkNode(pool, "n1", List.of(Prefixes.parseAddress("10.2.0.1"))))
                .hasMessageContaining("10.2.0.0/16 holds 10.2.0.1, an address of node 'n1'");
    }

    @Test
    void aPoolCoversARangeAlsoByItsParts() {
        Pool parts = pool("p", "10.0.0.0/25", "10.0.0.128/26", "10.0.0.192/26", "fd00::/16");

        assertThat(PoolRules.covers(parts, pool("p", "10.0.0.0/24", "fd00:1::/32")))
                .isTrue();
        assertThat(PoolRules.covers(parts, Prefixes.parse("10.0.0.0/23"))).isFalse();
        assertThat(PoolRules.covers(parts, Prefixes.parse("fd01::/32"))).isFalse();
        assertThat(PoolRules.covers(pool("p", "10.0.0.0/25", "10.0.0.192/26"), Prefixes.parse("10.0.0.0/24")))
                .isFalse();
    }

    private static Pool pool(String name, String... ranges) {
        return PoolRules.parse(new PoolName(name), List.of(ranges), 32, 127);
    }
}
