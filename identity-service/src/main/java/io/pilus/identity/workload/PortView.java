package io.pilus.identity.workload;

import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Protocol;
import io.pilus.identity.IdentityProblem;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A named port as clients see it. Without a protocol it is TCP. */
public record PortView(
        @NotNull
        @Pattern(
                regexp = "(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*",
                message = "'${validatedValue}' cannot name a port; write at most 15 of a-z, 0-9 and '-', with a letter")
        String name,

        @Nullable Transport protocol,
        @Min(1) @Max(65535) int port) {

    /** The protocols that have ports. */
    public enum Transport {
        TCP(Protocol.PROTOCOL_TCP),
        UDP(Protocol.PROTOCOL_UDP),
        SCTP(Protocol.PROTOCOL_SCTP);

        private final Protocol protocol;

        Transport(Protocol protocol) {
            this.protocol = protocol;
        }
    }

    public static PortView of(NamedPort port) {
        Transport transport = switch (port.getProtocol()) {
            case PROTOCOL_TCP -> Transport.TCP;
            case PROTOCOL_UDP -> Transport.UDP;
            case PROTOCOL_SCTP -> Transport.SCTP;
            case PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_UNSPECIFIED, UNRECOGNIZED -> null;
        };
        return new PortView(port.getName(), transport, port.getPort());
    }

    /**
     * @throws IdentityProblem when two ports of one protocol have the same name
     */
    static List<NamedPort> toMessages(@Nullable List<PortView> ports) {
        List<NamedPort> messages = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (PortView port : ports == null ? List.<PortView>of() : ports) {
            Transport transport = port.protocol() == null ? Transport.TCP : port.protocol();
            if (!names.add(transport + " " + port.name())) {
                throw IdentityProblem.invalid(
                        "/ports/" + messages.size(),
                        "another %s port is called '%s' too".formatted(transport, port.name()));
            }
            messages.add(NamedPort.newBuilder()
                    .setName(port.name())
                    .setProtocol(transport.protocol)
                    .setPort(port.port())
                    .build());
        }
        return messages;
    }
}
