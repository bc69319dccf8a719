// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/gpiomem as a Pi has it, under the name that its driver registers ("gpiomem"; older kernels: "bcm2835-gpiomem"),
 * with registers that read 0 and keep what is written, one page of them over and over. Shows who may map it, and
 * nothing of pins.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>

#define NAME "gpiomem"

static struct page *registers;
static dev_t number;
static struct cdev device;
static struct class *class;

static vm_fault_t sim_fault(struct vm_fault *vmf)
{
	get_page(registers);
	vmf->page = registers;
	return 0;
}

static const struct vm_operations_struct sim_vm_ops = { .fault = sim_fault };

static int sim_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &sim_vm_ops;
	return 0;
}

static const struct file_operations sim_fops = { .owner = THIS_MODULE, .mmap = sim_mmap };

static int __init sim_init(void)
{
	int ret = -ENOMEM;
	struct device *node;

	registers = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!registers)
		return ret;
	ret = alloc_chrdev_region(&number, 0, 1, NAME);
	if (ret)
		goto out_page;
	cdev_init(&device, &sim_fops);
	ret = cdev_add(&device, number, 1);
	if (ret)
		goto out_number;
	class = class_create(NAME);
	ret = PTR_ERR_OR_ZERO(class);
	if (ret)
		goto out_device;
	node = device_create(class, NULL, number, NULL, NAME);
	ret = PTR_ERR_OR_ZERO(node);
	if (!ret)
		return 0;
	class_destroy(class);
out_device:
	cdev_del(&device);
out_number:
	unregister_chrdev_region(number, 1);
out_page:
	__free_page(registers);
	return ret;
}

static void __exit sim_exit(void)
{
	device_destroy(class, number);
	class_destroy(class);
	cdev_del(&device);
	unregister_chrdev_region(number, 1);
	__free_page(registers);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("simulated /dev/gpiomem of a Raspberry Pi");
MODULE_LICENSE("GPL");
