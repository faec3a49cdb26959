package io.pilus.testing.etcd;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EtcdProcessIT {

    @Test
    void keepsItsPortAndDataOverAKill() {
        try (var etcd = EtcdProcess.start()) {
            etcd.clear();
            long before = etcd.revision();
            String endpoint = etcd.endpoint();

            etcd.kill();
            etcd.restart();

            assertThat(etcd.endpoint()).isEqualTo(endpoint);
            assertThat(etcd.revision()).isEqualTo(before);
        }
    }

    @Test
    void formsAClusterThatLivesOnWithoutOneMember() {
        try (var etcd = EtcdProcess.start(EtcdProcess.Options.DEFAULT.withMembers(3))) {
            etcd.kill(0);

            assertThat(etcd.revision()).isPositive();
            assertThat(etcd.endpoints()).hasSize(3).doesNotHaveDuplicates();
        }
    }

    @Test
    void restoresASnapshot(@TempDir Path directory) {
        Path snapshot = directory.resolve("snapshot.db");
        try (var etcd = EtcdProcess.start()) {
            etcd.save(snapshot);
            etcd.stop();

            etcd.restore(snapshot, "--bump-revision=1000", "--mark-compacted");
            etcd.restart();

            assertThat(etcd.revision()).isGreaterThanOrEqualTo(1000);
        }
    }
}
