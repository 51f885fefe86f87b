/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <sys/xattr.h>
#include "ctl/reach.h"
#include "test.h"

static char path[] = "/tmp/php-pool-test-reach-XXXXXX";

typedef struct List List;

struct List {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
};

static struct posix_acl_xattr_entry entry(unsigned int tag, unsigned int bits, unsigned int id) {
        return (struct posix_acl_xattr_entry){
                .e_tag = htole16(tag),
                .e_perm = htole16(bits),
                .e_id = htole32(id),
        };
}

/* What setfacl(1) makes: one entry beside those of the mode. False: no access lists here. */
static bool set(unsigned int tag, unsigned int bits, unsigned int id, unsigned int mask) {
        bool user = tag == ACL_USER;
        const List list = {
                .header = { .a_version = htole32(POSIX_ACL_XATTR_VERSION) },
                .entries = { entry(ACL_USER_OBJ, 6, ACL_UNDEFINED_ID),
                             user ? entry(tag, bits, id) : entry(ACL_GROUP_OBJ, 0, ACL_UNDEFINED_ID),
                             user ? entry(ACL_GROUP_OBJ, 0, ACL_UNDEFINED_ID) : entry(tag, bits, id),
                             entry(ACL_MASK, mask, ACL_UNDEFINED_ID),
                             entry(ACL_OTHER, 0, ACL_UNDEFINED_ID) },
        };

        if (setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0) == 0)
                return true;
        test_int(errno, EOPNOTSUPP);
        return false;
}

static void an_access_list_lets_those_in_that_it_names(void) {
        const struct passwd *daemon = getpwnam("daemon");
        unsigned int uid, gid;

        test_true(daemon);
        uid = daemon->pw_uid;
        gid = daemon->pw_gid;
        test_true(!reach_is_listed(path, "daemon"));
        test_true(!reach_is_listed("/no/such/file", "daemon"));
        if (!set(ACL_USER, 6, uid, 6))
                return;
        test_true(reach_is_listed(path, "daemon"));
        test_true(!reach_is_listed(path, "bin"));
        test_true(!reach_is_listed(path, "no-such-user"));
        test_true(set(ACL_USER, 4, uid, 6));
        test_true(!reach_is_listed(path, "daemon"));
        test_true(set(ACL_USER, 6, uid, 4));
        test_true(!reach_is_listed(path, "daemon"));
        test_true(set(ACL_GROUP, 6, gid, 6));
        test_true(reach_is_listed(path, "daemon"));
        test_true(!reach_is_listed(path, "bin"));
}

int main(void) {
        int fd = mkstemp(path);

        test_true(fd >= 0);
        close(fd);
        test_run(an_access_list_lets_those_in_that_it_names);
        unlink(path);
        return 0;
}
