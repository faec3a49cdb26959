package io.pilus.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class TunnelMacsTest {

    @Test
    void everyVersionComputesTheSameAddressFromAName() {
        assertThat(HexFormat.of().formatHex(TunnelMacs.of("node-a"))).isEqualTo("0266570ff05a");
    }

    @Test
    void twoNodesHaveTwoAddresses() {
        assertThat(TunnelMacs.of("node-a")).isNotEqualTo(TunnelMacs.of("node-b"));
    }
}
