# Builds a plugin by its own Makefile, as PANDA has them: that names the
# objects of panda_NAME.so, and may add to CFLAGS, LIBS and `all`.
#
# Called by panda-plugin in the target's build folder, with PLUGIN_NAME,
# PLUGIN_SRC_ROOT, SRC_PATH, PANDA_INCLUDES, PANDA_CC and TARGET_NAME.
.DELETE_ON_ERROR:
.SUFFIXES:

PLUGIN_SRC_DIR ?= $(PLUGIN_SRC_ROOT)/$(PLUGIN_NAME)
PLUGIN_TARGET_DIR ?= panda/plugins
PLUGIN_OBJ_DIR ?= $(PLUGIN_TARGET_DIR)/$(PLUGIN_NAME)
BUILD_DIR ?= $(abspath ..)
TARGET_DIR ?= $(TARGET_NAME)-softmmu/
TARGET_PATH ?= $(CURDIR)
DSOSUF := .so
LLVM_CXXFLAGS :=
quiet-command = $(if $(V),$1,@$(if $2,printf '  %-7s %s\n' $2 $3 && )$1)

all: $(PLUGIN_TARGET_DIR)/panda_$(PLUGIN_NAME).so
.PHONY: all

vpath %.c $(PLUGIN_SRC_DIR)
vpath %.cpp $(PLUGIN_SRC_DIR)
vpath %.cc $(PLUGIN_SRC_DIR)

CFLAGS ?= -O2 -g
QEMU_CFLAGS += -fPIC -Wall -DNEED_CPU_H -DTARGET_$(shell \
    echo $(TARGET_NAME) | tr a-z A-Z) -DPLUGIN_NAME='"$(PLUGIN_NAME)"'
QEMU_CXXFLAGS += -std=c++11 -fpermissive -Wno-sign-compare \
    -Wno-pointer-arith -D__STDC_FORMAT_MACROS
PANDA_OWN_INCLUDES = -I$(PLUGIN_SRC_DIR) -I$(PLUGIN_OBJ_DIR) \
    -I$(PLUGIN_SRC_ROOT)

include $(PLUGIN_SRC_DIR)/Makefile

# The file that bears the plugin's name.
main-flag = $(if $(filter $(PLUGIN_NAME),$(basename $(notdir $<))),\
    -DPLUGIN_MAIN)
all-flags = $(PANDA_OWN_INCLUDES) $(PANDA_INCLUDES) $(QEMU_CFLAGS) \
    $(main-flag) -MMD -MP -MF $(@:.o=.d)

$(PLUGIN_OBJ_DIR)/%.o: $(PLUGIN_SRC_DIR)/%.c
	@mkdir -p $(@D)
	$(call quiet-command,$(PANDA_CC) $(CC) $(all-flags) \
	    $(filter-out -std=c++% -std=gnu++%,$(CFLAGS)) -c -o $@ $<,CC,$@)

define cxx-rule
$$(PLUGIN_OBJ_DIR)/%.o: $$(PLUGIN_SRC_DIR)/%.$1
	@mkdir -p $$(@D)
	$$(call quiet-command,$$(CXX) $$(QEMU_CXXFLAGS) $$(all-flags) \
	    $$(CFLAGS) $$(CXXFLAGS) -c -o $$@ $$<,CXX,$$@)
endef
$(eval $(call cxx-rule,cpp))
$(eval $(call cxx-rule,cc))

$(PLUGIN_TARGET_DIR)/panda_%.so:
	@mkdir -p $(@D)
	$(call quiet-command,$(CXX) -shared -Wl$(comma)-rpath$(comma)'$$ORIGIN' \
	    $(LDFLAGS) -o $@ $^ $(LIBS),LINK,$@)
comma := ,

-include $(wildcard $(PLUGIN_OBJ_DIR)/*.d)
