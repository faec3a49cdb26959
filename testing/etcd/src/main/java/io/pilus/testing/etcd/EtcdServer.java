package io.pilus.testing.etcd;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gives a Quarkus test an etcd of its own: {@code @QuarkusTestResource(EtcdServer.class)} sets {@code pilus.etcd.endpoints}, and fields
 * of type {@link EtcdProcess} in the test class are filled. Test classes with the same resources share one application and one etcd.
 */
public class EtcdServer implements QuarkusTestResourceLifecycleManager {

    private @Nullable EtcdProcess etcd;

    @Override
    public Map<String, String> start() {
        etcd = EtcdProcess.start();
        return Map.of("pilus.etcd.endpoints", String.join(",", etcd.endpoints()));
    }

    @Override
    public void inject(TestInjector injector) {
        if (etcd != null) {
            injector.injectIntoFields(etcd, new TestInjector.MatchesType(EtcdProcess.class));
        }
    }

    @Override
    public void stop() {
        if (etcd != null) {
            etcd.close();
        }
    }
}
