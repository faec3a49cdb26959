package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.datapath.Counter;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.Endpoint;
import io.pilus.node.route.Destinations;
import jakarta.inject.Singleton;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Pods in the maps and hooks of the datapath. */
@Singleton
class DatapathPods implements PodKernel {

    private final Datapath datapath;
    private final Destinations destinations;

    DatapathPods(Datapath datapath, Destinations destinations) {
        this.datapath = datapath;
        this.destinations = destinations;
    }

    @Override
    public NetworkNamespace namespace() {
        return datapath.namespace();
    }

    @Override
    public int podMtu() {
        return datapath.podMtu();
    }

    @Override
    public MacAddress gateway() {
        return datapath.gateway();
    }

    @Override
    public void attach(String hostInterface, int ifindex) {
        datapath.attachPod(hostInterface, ifindex);
    }

    @Override
    public void detach(String hostInterface) {
        datapath.detachPod(hostInterface);
    }

    @Override
    public void admit(Attachment attachment, MacAddress podMac) {
        datapath.endpoints()
                .put(
                        attachment.ifindex(),
                        new Endpoint(
                                address(attachment.addresses(), 4),
                                address(attachment.addresses(), 16),
                                attachment.number(),
                                attachment.identity(),
                                attachment.slot(),
                                podMac,
                                gateway(),
                                attachment.mtu()));
        for (ByteString address : attachment.addresses()) {
            destinations.putLocal(
                    address,
                    Destination.local(
                            attachment.identity(),
                            attachment.ifindex(),
                            attachment.slot(),
                            attachment.number(),
                            podMac));
        }
    }

    @Override
    public void dismiss(Attachment attachment) {
        for (ByteString address : attachment.addresses()) {
            boolean own = Optional.ofNullable(destinations.local().get(address))
                    .filter(found -> found.endpoint() == attachment.number())
                    .isPresent();
            if (own) {
                destinations.removeLocal(address);
            }
        }
        datapath.endpoints()
                .get(attachment.ifindex())
                .filter(found -> found.number() == attachment.number())
                .ifPresent(_ -> datapath.endpoints().remove(attachment.ifindex()));
    }

    @Override
    public void sweep(Collection<Attachment> all) {
        Map<Integer, Attachment> byInterface =
                all.stream().collect(Collectors.toMap(Attachment::ifindex, Function.identity()));
        destinations.local().forEach((address, destination) -> {
            Attachment holder = byInterface.get(destination.ifindex());
            if (destination.flags() == Destination.LOCAL
                    && (holder == null || !holder.addresses().contains(address))) {
                destinations.removeLocal(address);
            }
        });
        for (int ifindex : datapath.endpoints().entries().keySet()) {
            if (!byInterface.containsKey(ifindex)) {
                datapath.endpoints().remove(ifindex);
            }
        }
        Set<String> interfaces = all.stream().map(Attachment::hostInterface).collect(Collectors.toSet());
        for (String hostInterface : datapath.attachedPods()) {
            if (!interfaces.contains(hostInterface)) {
                datapath.detachPod(hostInterface);
            }
        }
    }

    @Override
    public int highestNumber() {
        return Stream.concat(
                        datapath.endpoints().entries().values().stream().map(Endpoint::number),
                        datapath.counters().keySet().stream().map(Counter.Key::endpoint))
                .mapToInt(Integer::intValue)
                .max()
                .orElse(0);
    }

    private static ByteString address(List<ByteString> addresses, int size) {
        return addresses.stream()
                .filter(address -> address.size() == size)
                .findFirst()
                .orElse(ByteString.EMPTY);
    }
}
